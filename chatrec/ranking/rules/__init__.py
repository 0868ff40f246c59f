"""Rules: what a business wants of its lists, applied to a night."""
