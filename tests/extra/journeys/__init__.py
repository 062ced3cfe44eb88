"""Journeys that only tests walk."""
