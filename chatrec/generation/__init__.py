"""Text generation with a causal language model: names of groups and blurbs, checked, with fallbacks."""

GROUP_NAMES, BLURBS = "group_names.parquet", "blurbs.parquet"
