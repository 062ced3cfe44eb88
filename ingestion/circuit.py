"""Whether Temporal takes calls at all: while it refuses, one person at a time is tried, at growing pauses."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from temporalio.api.enums.v1 import ResourceExhaustedCause
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure
from temporalio.service import RPCError, RPCStatusCode

from .rejection import is_not_set_up, is_rejection

SHORTEST, LONGEST = 0.25, 4.0
"""Seconds between two tries while Temporal refuses. A try itself takes up to ten: the client repeats its call."""
REFUSALS = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.PERMISSION_DENIED,
    }
)
"""Answers that everybody would get, not the one person who was asked for."""
log = structlog.get_logger()


def is_refusal(error: RPCError) -> bool:
    """Whether Temporal itself is not there or takes no more, rather than one run being wrong or too busy."""
    if is_not_set_up(error):
        return True
    if error.status not in REFUSALS or is_rejection(error):
        return False
    for detail in error.grpc_status.details:
        told = ResourceExhaustedFailure()
        if detail.Unpack(told) and told.cause == ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW:
            return False
    return True


class Circuit:
    """Lets everybody pass while Temporal answers; else one at a time, until one of them gets an answer."""

    def __init__(self) -> None:
        self._pause = 0.0
        self._next_try = 0.0
        self._trying: str | None = None
        self._changed = asyncio.Event()

    @property
    def is_refused(self) -> bool:
        """Whether Temporal has refused and not answered since."""
        return self._pause > 0

    async def turn(self, user_id: str) -> None:
        """Return when this person may be tried: at once, unless Temporal refuses. `over` has to follow."""
        loop = asyncio.get_running_loop()
        while self.is_refused:
            left = self._next_try - loop.time()
            if self._trying is None and left <= 0:
                self._trying = user_id
                return
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left if self._trying is None else None):
                    await self._changed.wait()

    def refused(self, user_id: str) -> None:
        """Temporal has refused a call for this person."""
        if self.is_refused and user_id != self._trying:
            return  # Under way since before: it tells nothing new.
        if not self.is_refused:
            log.warning("Temporal refuses; events wait, and one person at a time is tried")
        self._pause = min(self._pause * 2, LONGEST) if self.is_refused else SHORTEST
        self._next_try = asyncio.get_running_loop().time() + self._pause

    def answered(self) -> None:
        """Temporal has taken calls."""
        if self.is_refused:
            self._pause = 0.0
            self._changed.set()
            log.info("Temporal answers again; everybody's events go on")

    def over(self, user_id: str) -> None:
        """This person's turn has ended, whatever came of it."""
        if self._trying == user_id:
            self._trying = None
            self._changed.set()
