"""Three worked scenarios: a shop, a feed and a site of news, each from made-up tables to lists."""
