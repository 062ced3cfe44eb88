"""The ways a message can take; each is one class with one method, `send`."""
