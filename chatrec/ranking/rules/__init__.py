"""Business rules, applied to the lists of a run."""
