"""Through which task queue a message is sent, and what goes first there: known to the worker, read by every run.

A run must not read settings. The worker writes this once when it starts; that another worker, or the same one tomorrow,
writes something else is no matter: queue and priority of an activity are not compared when a history is replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from temporalio.common import Priority

from messages import Channel

from .requests import MessageRequest

URGENCY = {kind: Priority(priority_key=key) for key, kind in enumerate(("transactional", "service", "marketing"), 1)}
"""Temporal's priority by the kind of a message; the lower key goes first."""


@dataclass(frozen=True)
class Queues:
    """What one worker knows: the channels with a rate, and the kind of each message by channel and template."""

    limited: frozenset[Channel] = frozenset()
    kinds: Mapping[tuple[Channel, str], str] = field(default_factory=dict)

    def channel(self, messages: Sequence[MessageRequest]) -> Channel | None:
        """The channel by whose queue to begin: of several, the last with a rate, for only the claim knows which it is."""
        return next((each.channel for each in reversed(messages) if each.channel in self.limited), None)

    def priority(self, messages: Sequence[MessageRequest]) -> Priority:
        """That of the most urgent of the messages; one whose template nobody knows counts as marketing."""
        kinds = {self.kinds.get((each.channel, each.template), "marketing") for each in messages}
        return next(priority for kind, priority in URGENCY.items() if kind in kinds)


_known: dict[str, Queues] = {}
_UNKNOWN = Queues()


def know(task_queue: str, queues: Queues) -> None:
    """Note what holds for the runs of that task queue."""
    _known[task_queue] = queues


def queues_of(task_queue: str) -> Queues:
    """What holds for the runs of that task queue; nothing is limited where no worker has said so."""
    return _known.get(task_queue, _UNKNOWN)


def queue_name(task_queue: str, channel: Channel | None) -> str:
    """The queue of a channel with a rate, beside that of the journeys."""
    return task_queue if channel is None else f"{task_queue}-{channel}"
