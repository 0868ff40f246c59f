"""Extraction from the source database: mapping, snapshot and quarantine."""
