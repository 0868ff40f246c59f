"""Offline evaluation: holdouts and metrics."""
