"""What the catalogue says of an item, as numbers: words, letters, names, groups, years and further fields."""
