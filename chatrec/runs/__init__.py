"""The files of a run: its folder, its manifests, its locks."""
