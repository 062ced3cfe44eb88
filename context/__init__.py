"""Where, and on what device, the person is."""
