"""Differential privacy: statistics across users, released under noise."""
