"""The blend: one score from all channels, its weights learned on held-out events."""
