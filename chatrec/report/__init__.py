"""Measuring chatrec on splits that it did not make."""
