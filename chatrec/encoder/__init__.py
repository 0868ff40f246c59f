"""GPT-2: texts of items and users into vectors."""
