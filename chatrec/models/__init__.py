"""Models: sources of evidence about what a user will take."""
