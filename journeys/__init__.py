"""One file per journey; the file, its function and the Temporal workflow type share one name."""
