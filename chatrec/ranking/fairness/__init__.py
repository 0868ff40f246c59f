"""Provider fairness: exposure, its dual prices, and the cost in accuracy."""
