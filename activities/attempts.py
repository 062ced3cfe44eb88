"""What earlier attempts of a step have come to, as its lines in the ledger tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio.exceptions import ApplicationError

from storage.ledger import Send
from workflows.requests import SILENCE, Answer


def answer_of(line: Send) -> Answer:
    """What the journey is told; of a message in doubt that is to be sent once more, when to ask again."""
    until = line.until if line.status == "unknown" and goes_again(line) else None
    known = {"status": line.status, "channel": line.channel, "reason": line.reason or "", "until": until}
    return Answer.model_validate(known)


def doubt(line: Send, reason: str, machine: datetime) -> Send:
    """The line as it stands while nobody knows whether the provider has the message."""
    return replace(line, status="unknown", reason=reason, until=machine + SILENCE)


def again(message: str, after: timedelta | None = None) -> ApplicationError:
    """What an activity raises to be tried again: after that while, else after one that doubles each time."""
    pause = None if after is None else max(after, timedelta(seconds=1))
    return ApplicationError(message, type="TryLater", next_retry_delay=pause)


def is_alive(line: Send, machine: datetime) -> bool:
    """Whether the attempt that has claimed it may still be at work."""
    return line.until is not None and line.until > machine


def goes_again(line: Send) -> bool:
    """Marketing never goes twice. Service goes once more after the silence, and so does push, which replaces its copy."""
    return not line.resent and (line.kind != "marketing" or line.channel == "push")


def in_doubt(lines: list[Send]) -> Send | None:
    """The line of this step that may have arrived, if there is one: in doubt, or held for its second way."""
    return next((line for line in lines if line.status == "unknown" or (line.status == "held" and line.resent)), None)


def tried(line: Send) -> bool:
    """Whether the provider was silent about it once."""
    return line.resent or line.status == "unknown"


def all_refused(lines: list[Send]) -> bool:
    """Whether every provider that was asked has refused it for good."""
    return bool(lines) and all(line.status == "refused" for line in lines)
