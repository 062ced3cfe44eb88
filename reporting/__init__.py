"""What journeys achieved: figures with their uncertainty, as tables, as a page and as files."""
