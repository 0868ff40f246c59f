"""Holding events out, and measuring lists by them."""
