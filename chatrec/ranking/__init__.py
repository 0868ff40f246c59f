"""Top-N lists with their reasons."""
