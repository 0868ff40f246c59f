"""A feed: posts by people whom others follow, an hour at a time."""
