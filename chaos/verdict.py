"""Whether an answer to a hostile request is one that a front door may give."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from .bare import Answer

FOR_PEOPLE = ("/unsubscribe/", "/preferences/")
"""Doors that people open: what they refuse is told as a page."""
BUSY = frozenset({429, 503})
"""What a front door may answer instead of any other thing, if it says when to come back."""
CONFLICT = 409
"""Names the message id, which is no person's: one that is an address is a hash by then."""
MANY = 20
"""Problems that are told; the others are counted."""


@dataclass(frozen=True)
class Attack:
    """One request, and what may be answered to it."""

    raw: bytes
    path: str = ""
    statuses: frozenset[int] | None = None
    """None: whatever is no error of the door's own."""
    head: bool = False
    """Whether the answer has no body, because that was asked for."""
    may_close: bool = False
    """Whether the connection may be closed instead."""
    alone: bool = False
    """Whether nothing else can be asked on its connection."""


class Judge:
    """Counts what was answered, and keeps what should not have been."""

    def __init__(self, canary: bytes) -> None:
        self.statuses: Counter[str] = Counter()
        self.busy = 0
        """Times that somebody was told to come back later."""
        self._canary = canary
        self._problems: list[str] = []
        self._wrong = 0

    @property
    def problems(self) -> list[str]:
        more = [f"and {self._wrong - MANY} more such answers"] if self._wrong > MANY else []
        return self._problems + more

    def hear(self, kind: str, attack: Attack, answer: Answer | None) -> None:
        """Take note of an answer; None where the connection was closed without one."""
        self.statuses["closed" if answer is None else str(answer.status)] += 1
        self.busy += answer is not None and answer.status in BUSY
        if (wrong := self._wrong_with(attack, answer)) is not None:
            self.blame(f"{kind}: {wrong}: {attack.raw[:300]!r}")

    def blame(self, problem: str) -> None:
        """Something is wrong."""
        self._wrong += 1
        if len(self._problems) < MANY:
            self._problems.append(problem)

    def _wrong_with(self, attack: Attack, answer: Answer | None) -> str | None:
        if answer is None:
            return None if attack.may_close else "closed without an answer"
        if self._canary in answer.body and answer.status >= 400 and answer.status != CONFLICT:
            return "the refusal quotes what was sent"
        if answer.status in BUSY:
            if not answer.headers.get("retry-after", "").isdecimal():
                return f"{answer.status} without Retry-After"
        elif answer.status >= 500 or (attack.statuses is not None and answer.status not in attack.statuses):
            return f"answered with {answer.status}"
        if answer.status >= 400 and not attack.head:
            return no_problem(answer, page=attack.path.startswith(FOR_PEOPLE))
        return None


def no_problem(answer: Answer, *, page: bool) -> str | None:
    """Why this is not a refusal as the OpenAPI document has it, or for people a page; None if it is."""
    media = answer.headers.get("content-type", "").partition(";")[0]
    if page and media == "text/html":
        return None
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    if media != "application/json" or not isinstance(told, Mapping):
        return f"{answer.status} is told as {media or 'nothing'}, not as JSON"
    error, reason = told.get("error"), told.get("reason", "x")
    is_problem = told.get("success") is False and isinstance(error, str) and isinstance(reason, str)
    return None if is_problem and reason and str(error).strip() else f"{answer.status} has no reason that can be read"
