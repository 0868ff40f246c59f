"""Reading the customer: the mapping, the snapshot, the quarantine."""
