"""Recommendation models: each scores all items for any history."""
