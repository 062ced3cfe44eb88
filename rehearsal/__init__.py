"""What journeys are tried with, without a server: the shipped engine, rules and templates on a clock of their own."""

from .kit import Rehearsed, RehearsedNow, rehearse
from .persona import Persona
from .told import Told

__all__ = ["Persona", "Rehearsed", "RehearsedNow", "Told", "rehearse"]
