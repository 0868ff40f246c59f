"""Arrays, interactions and batches of users, the input of all models."""
