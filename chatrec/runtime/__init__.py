"""The machine: its hardware, work beside other work, and progress on a terminal."""
