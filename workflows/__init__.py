"""What a journey is written with."""

from messages import email, first_of, in_app, push, webhook

from .definition import Journey, after, always, days, hours, journey, minutes, never, seconds, weeks
from .user import Outcome, Profile, User

__all__ = [
    "Journey",
    "Outcome",
    "Profile",
    "User",
    "after",
    "always",
    "days",
    "email",
    "first_of",
    "hours",
    "in_app",
    "journey",
    "minutes",
    "never",
    "push",
    "seconds",
    "webhook",
    "weeks",
]
