"""What becomes of messages while everything around them fails: each run counts for itself, and ends with one check."""
