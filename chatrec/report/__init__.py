"""Evaluation reports, and evaluation on splits of other tools."""
