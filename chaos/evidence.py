"""Whether anything was lost, doubled or made up: the one check at the end of every run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from storage.ledger import Status

SHOWN = 10
"""How many ids of each kind a report names."""


@dataclass(frozen=True)
class Evidence:
    """What was seen from outside, and beside it what the ledger says.

    `accepted` is the provider's double's own count by send key; `wanted` follows from what was asked, not from the ledger.
    """

    wanted: frozenset[str]
    accepted: Mapping[str, int]
    ledger: Mapping[str, Status] = field(default_factory=dict)
    """What the ledger says of each send key at the end."""
    acknowledged: frozenset[str] = frozenset()
    """Ids of events that the front door answered with 200."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """How many runs each event has opened, by Temporal's word."""
    may_repeat: frozenset[str] = frozenset()
    """Send keys that the policy lets go once more: service, the answer lost and the webhook silent for the whole window."""
    in_doubt: frozenset[str] | None = None
    """Send keys that a fault left in doubt, the only ones that may end as unknown; None where that cannot be known."""
    is_told: bool = False
    """Whether the provider's webhooks have told all by now, so that the ledger must say the same as the double."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """What really went wrong, by kind."""
    least: Mapping[str, int] = field(default_factory=dict)
    """How often each kind must have gone wrong for the run to prove anything."""
    problems: tuple[str, ...] = ()
    """What a scenario has found wrong by rules of its own."""


class Tally(BaseModel):
    """The counts, and what is wrong; nothing is if `problems` is empty."""

    acknowledged: int
    wanted: int
    accepted: int
    withheld: int
    refused: int
    unknown: int
    repeated: int
    """Service messages that went twice as their policy says."""
    lost_events: int
    lost: int
    twice: int
    unexpected: int
    problems: list[str]

    @property
    def holds(self) -> bool:
        return not self.problems


def check(evidence: Evidence) -> Tally:
    """`lost = wanted − accepted − withheld − refused − unknown`, `twice = accepted > 1`, `unexpected = accepted − wanted`."""
    counts, ledger = evidence.accepted, evidence.ledger
    accepted = {key for key, count in counts.items() if count}
    withheld, refused, unknown = (
        {key for key, status in ledger.items() if status == wanted and key not in accepted}
        for wanted in ("withheld", "refused", "unknown")
    )
    twice = {key for key, count in counts.items() if count > (2 if key in evidence.may_repeat else 1)}
    found: dict[str, Iterable[str]] = {
        "events acknowledged and lost": evidence.acknowledged - {key for key, count in evidence.seen.items() if count},
        "events seen twice": {key for key, count in evidence.seen.items() if count > 1},
        "messages lost": evidence.wanted - accepted - withheld - refused - unknown,
        "messages accepted twice": twice,
        "messages nobody wanted": accepted - evidence.wanted,
        "messages the ledger calls accepted, which the provider never got": {
            key for key, status in ledger.items() if status == "accepted" and key not in accepted
        },
    }
    if evidence.in_doubt is not None:
        found["messages in doubt without a fault"] = unknown - evidence.in_doubt
    if evidence.is_told:
        found["messages the provider accepted and told of, which the ledger does not call accepted"] = {
            key for key in accepted & evidence.wanted if ledger.get(key) != "accepted"
        }
    ids = {what: sorted(which) for what, which in found.items()}
    problems = [f"{len(which)} {what}: {', '.join(which[:SHOWN])}" for what, which in ids.items() if which]
    problems += [
        f"the fault did not happen often enough: {kind} {evidence.faults.get(kind, 0)} of at least {least}"
        for kind, least in evidence.least.items()
        if evidence.faults.get(kind, 0) < least
    ]
    return Tally(
        acknowledged=len(evidence.acknowledged),
        wanted=len(evidence.wanted),
        accepted=len(accepted),
        withheld=len(withheld),
        refused=len(refused),
        unknown=len(unknown),
        repeated=sum(counts[key] == 2 for key in evidence.may_repeat & accepted),
        lost_events=len(ids["events acknowledged and lost"]),
        lost=len(ids["messages lost"]),
        twice=len(twice),
        unexpected=len(ids["messages nobody wanted"]),
        problems=[*problems, *evidence.problems],
    )
