"""Three examples with synthetic data, from tables to lists: a shop, a feed and a news site."""
