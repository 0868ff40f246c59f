"""The tables beside the lists: similar items, what is popular and trending, and what answers frequent searches."""
