"""Differential privacy: what is learned across users, under noise that hides each of them."""
