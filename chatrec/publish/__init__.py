"""Publishing: from the files of a run to the tables that clients read, switched by one pointer."""
