"""A news site, whose new articles are recommended by their texts, and a run every hour."""
