"""Fairness to those whose items are shown: exposure, prices, and what both cost those who look."""
