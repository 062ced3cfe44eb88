"""What a journey does to the world."""
