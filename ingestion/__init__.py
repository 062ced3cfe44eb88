"""The front doors: how facts come in."""
