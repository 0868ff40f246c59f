"""Shared parts of chatrec's DAGs: assets, defaults, the trigger form, tasks and notifiers; and the pages."""
