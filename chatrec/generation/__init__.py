"""A causal language model as a writer: names of groups and blurbs, constrained, checked, and never in the way."""

GROUP_NAMES, BLURBS = "group_names.parquet", "blurbs.parquet"
