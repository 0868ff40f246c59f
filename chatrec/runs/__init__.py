"""Files of a run: folder, manifests and locks."""
