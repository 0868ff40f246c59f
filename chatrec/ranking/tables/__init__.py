"""Tables published with the lists: similar items, popular and trending items, and lists for frequent searches."""
