"""Journeys that only the chaos programme walks."""
