"""Hardware, background work and progress."""
