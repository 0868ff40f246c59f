"""From files to the tables that people read, by one pointer."""
