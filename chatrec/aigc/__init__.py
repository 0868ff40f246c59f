"""AIGC: attention-based item-to-group collaborative filtering."""
