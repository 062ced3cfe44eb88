"""What a run waits for, until when, and what may end the wait before that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from temporalio import workflow

from .clock import shown
from .story import Story

EVENTS_BEFORE_CONTINUING = 4_000
FOREVER = datetime.max.replace(tzinfo=UTC)
"""The end of a wait that only `ready` ends; support cannot skip it."""


class ContinueLater(BaseException):
    """The history has grown long; go on in a new run from the same verb. No Exception, so that no journey swallows it."""


class Waiting:
    """One wait at a time, told in `story` while it lasts. `begins` is when what it does first was due."""

    def __init__(self, story: Story, begins: datetime) -> None:
        self._story = story
        self._skippable = self._skipped = ""
        self._elapsed: datetime | None = begins

    @property
    def over_at(self) -> datetime:
        """When what the run does now was due: the end of the last wait, however late a worker came to see it."""
        return self._elapsed or workflow.now()

    def skip(self) -> str:
        """Let the current wait be over; returns its words, or nothing where there is no wait to skip."""
        self._skipped = self._skippable
        return self._skippable

    async def until(
        self, due: Callable[[], datetime | None], words: str, ready: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait until `due` (which may move), `ready`, or a skip; False if `due` has become unusable."""
        self._skippable, self._skipped, self._elapsed = "" if due() == FOREVER else words, "", None
        try:
            while not ready() and not self._skipped:
                instant = due()
                if instant is None:
                    return False
                if instant <= workflow.now():
                    self._elapsed = instant
                    break
                self._story.awaits(self._with_end(words, instant))
                if _is_long():
                    raise ContinueLater
                await self._rest(instant, words, due, ready)
            return True
        finally:
            self._skippable = ""
            self._story.awaits_nothing()

    async def _rest(
        self, instant: datetime, words: str, due: Callable[[], datetime | None], ready: Callable[[], bool]
    ) -> None:
        """One timer, or less: until it fires, something is ready, the wait is skipped or its end moves."""

        def woken() -> bool:
            return ready() or bool(self._skipped) or due() != instant or _is_long()

        left = None if instant == FOREVER else instant - workflow.now()
        try:
            await workflow.wait_condition(woken, timeout=left, timeout_summary=words[:200])
        except TimeoutError:
            return

    def _with_end(self, words: str, instant: datetime) -> str:
        moment = "" if instant == FOREVER else shown(instant, self._story.zone)
        if moment in words:
            return words
        return f"{words} ({moment})" if words.startswith("until") else f"{words} (until {moment})"


def at(moment: datetime) -> Callable[[], datetime]:
    """The end of a wait that does not move."""
    return lambda: moment


def _is_long() -> bool:
    info = workflow.info()
    # The server also suggests it for a history of few but large events.
    return info.get_current_history_length() > EVENTS_BEFORE_CONTINUING or info.is_continue_as_new_suggested()
