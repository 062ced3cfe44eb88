"""Journeys that only benchmarks walk."""
