"""The demo: MovieLens-100k as a small shop's own tables, and the whole run on a laptop."""
