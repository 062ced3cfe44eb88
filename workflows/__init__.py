"""What a journey is written with."""

from messages import email, first_of, in_app, message, push, webhook

from .definition import Journey, after, always, days, entered, hours, journey, minutes, never, seconds, weeks
from .profile import Profile
from .user import Outcome, User

__all__ = [
    "Journey",
    "Outcome",
    "Profile",
    "User",
    "after",
    "always",
    "days",
    "email",
    "entered",
    "first_of",
    "hours",
    "in_app",
    "journey",
    "message",
    "minutes",
    "never",
    "push",
    "seconds",
    "webhook",
    "weeks",
]
