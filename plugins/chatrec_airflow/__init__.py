"""What chatrec's DAGs share: assets, defaults, the trigger form, tasks and notifiers; and the pages."""
