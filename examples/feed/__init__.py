"""A feed with a follow graph, and a run every hour."""
