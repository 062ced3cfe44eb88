"""What Temporal will never take, however often it is asked: a call that is too large, an id that it cannot hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from temporalio.service import RPCError, RPCStatusCode

from errors import JourneymanError
from storage.runs import Entry

NOT_SET_UP = "no mapping defined for search attribute"
TOO_LARGE = "larger than max"


def is_not_set_up(error: RPCError) -> bool:
    """Whether the namespace lacks our search attribute: no run can be started then, and it is nobody's own matter."""
    return error.status is RPCStatusCode.INVALID_ARGUMENT and NOT_SET_UP in error.message


def is_rejection(error: RPCError) -> bool:
    """Whether the call itself was wrong, and would be so at any other time.

    A message that is over the limit of gRPC comes back as RESOURCE_EXHAUSTED, as if the server had too much to do.
    """
    if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
        return TOO_LARGE in error.message
    return error.status is RPCStatusCode.INVALID_ARGUMENT and not is_not_set_up(error)


class Rejected(JourneymanError):
    """Some of what events cause was rejected: the starts of `entries` among it. The rest was done: `started` are its runs."""

    def __init__(self, problem: str, entries: Sequence[Entry], started: Mapping[Entry, str]) -> None:
        super().__init__(problem)
        self.problem = problem
        self.entries = entries
        self.started = started


def told_of(error: RPCError, verb: str, journey: str) -> str:
    """The problem as operators read it; never the server's own words, which hold ids."""
    return f"Temporal answered {error.status.name} to {verb} {journey}"
