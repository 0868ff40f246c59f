"""The ensemble: one score from all models, with weights fitted on held-out events."""
