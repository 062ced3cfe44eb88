"""What a journey asks of its user in a rehearsal, verb by verb, and where in its file."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from events import Event
from workflows.clock import spoken
from workflows.host import Host
from workflows.library import journey_module
from workflows.profile import Dated
from workflows.requests import requested, step_name
from workflows.traveller import Traveller
from workflows.user import User

OPEN = "…"
"""The answer of a verb that has not come back: the journey waits there, or has ended there."""


@dataclass
class Verb:
    """One call of a verb."""

    name: str
    words: str
    lines: tuple[int, ...]
    """Where it stands in the journey's file; if in another function, first where that was called."""
    at: datetime
    kinds: tuple[type[Event], ...] = ()
    """What `wait_for` waits for."""
    answer: str = field(default=OPEN)

    @property
    def is_open(self) -> bool:
        return self.answer == OPEN


_watched: dict[str, list[Verb]] = {}
"""By the first run of the chain: what runs in a workflow has no other way out of it."""


def verbs_of(first_run: str) -> list[Verb]:
    """What that run has asked so far, in order."""
    return _watched.get(first_run, [])


def forget(first_run: str) -> None:
    """That run is over and told."""
    _watched.pop(first_run, None)


@workflow.defn(dynamic=True)
class Watched(Host):
    """The shipped host, with an eye on what the journey does."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        super().__init__(args)

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> dict[str, Any]:
        return await super().run(args)

    def _user(self, traveller: Traveller) -> User:
        info = workflow.info()
        # A run that continues goes through the same verbs again, by its journal.
        seen = _watched[info.first_execution_run_id] = []
        return Onlooker(traveller, str(journey_module(info.workflow_type).__file__), seen)  # type: ignore[return-value]


class Onlooker:
    """The user of a journey as it is, with each verb noted."""

    def __init__(self, user: Traveller, file: str, seen: list[Verb]) -> None:
        self._user = user
        self._file = file
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._user, name)

    def sleep(self, duration: timedelta, /) -> Awaitable[None]:
        return self._noted(self._user.sleep(duration), "sleep", f"wait {spoken(duration)}")

    def until(self, moment: Any, /, **rules: Any) -> Awaitable[bool]:
        return self._noted(self._user.until(moment, **rules), "until", _until(moment, **rules))

    def wait_for(self, *kinds: type[Event], within: timedelta) -> Awaitable[Any]:
        names = " or ".join(name_of(kind) for kind in kinds)
        words = f"{names} within {spoken(within)}?"
        return self._noted(self._user.wait_for(*kinds, within=within), "wait_for", words, kinds)

    def send(self, message: Any, /) -> Awaitable[Any]:
        return self._noted(self._user.send(message), "send", step_name(requested(message)).replace("|", " or "))

    def profile(self) -> Awaitable[Any]:
        return self._noted(self._user.profile(), "profile", "look at the profile")

    def recommend(self, n: int = 3, /) -> Awaitable[Any]:
        return self._noted(self._user.recommend(n), "recommend", f"look for {n} products")

    def best_channel(self) -> Awaitable[Any]:
        return self._noted(self._user.best_channel(), "best_channel", "choose the best channel")

    def _noted(
        self, asked: Awaitable[Any], name: str, words: str, kinds: tuple[type[Event], ...] = ()
    ) -> Awaitable[Any]:
        verb = Verb(name, words, self._lines(sys._getframe(2)), workflow.now(), kinds)

        async def answered() -> Any:
            self._seen.append(verb)
            answer = await asked
            verb.answer = _in_words(name, answer)
            return answer

        return answered()

    def _lines(self, frame: FrameType | None) -> tuple[int, ...]:
        found: list[int] = []
        while frame is not None:
            if frame.f_code.co_filename == self._file:
                found.append(frame.f_lineno)
            frame = frame.f_back
        return tuple(reversed(found))


def name_of(kind: type[Event]) -> str:
    """How people call that kind of event."""
    return kind.event_name or kind.__name__


def _until(moment: Any, *, weekdays: Sequence[str] = (), unusable: str = "skip") -> str:
    if isinstance(moment, Dated):
        words = moment.trait
    elif hasattr(moment, "hour") and not hasattr(moment, "day"):
        words = f"{moment:%H:%M}"
    else:
        words = str(moment)
    return f"until {words}" + (f" on {', '.join(weekdays)}" if weekdays else "")


def _in_words(verb: str, answer: Any) -> str:
    match verb:
        case "wait_for":
            return "no" if answer is None else _switched(answer)
        case "send":
            return str(answer.status)
        case "until":
            return "" if answer else "no usable date"
    return ""


def _switched(event: Event) -> str:
    """Its name, and what of it is either so or not."""
    switches = sorted(name for name, field in type(event).model_fields.items() if field.annotation is bool)
    words = [name.replace("_", " ") if getattr(event, name) else f"not {name.replace('_', ' ')}" for name in switches]
    return ", ".join([event.event_name, *words])
