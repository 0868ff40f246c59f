"""Features of the catalogue: words, letters, names, groups, years and further fields."""
