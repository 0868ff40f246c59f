"""Top-N recommendation lists and their explanations."""
