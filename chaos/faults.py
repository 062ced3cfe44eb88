"""What a provider does wrong, how often, and what of it leaves a message in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tests.doubles import firebase, firebase_behaviour
from tests.doubles.sendgrid import CUT_AFTER_ACCEPT, ERROR_AFTER_ACCEPT, HANG, REFUSE, Call, rate_limited

HANG_AFTER_ACCEPT = replace(HANG, name="hang_after_accept", accepts=True)
SLOW_DOWN = rate_limited(reset_in=1.0)
MIX = {
    CUT_AFTER_ACCEPT: 0.05,
    REFUSE: 0.05,
    ERROR_AFTER_ACCEPT: 0.05,
    SLOW_DOWN: 0.05,
    HANG: 0.005,
    HANG_AFTER_ACCEPT: 0.005,
}
"""Accepted and cut off, refused, an error after acceptance, over the rate; of the hundredth that hangs, half is accepted."""
PUSH_MIX = {
    firebase_behaviour.CUT_AFTER_ACCEPT: 0.05,
    firebase_behaviour.TOO_LARGE: 0.05,
    replace(firebase_behaviour.SERVER_ERROR, name=ERROR_AFTER_ACCEPT.name, accepts=True): 0.05,
    firebase_behaviour.quota("1"): 0.05,
    firebase_behaviour.HANG: 0.005,
    replace(firebase_behaviour.HANG, name=HANG_AFTER_ACCEPT.name, accepts=True): 0.005,
}
"""The same of Firebase."""
LOSES_THE_ANSWER = frozenset({CUT_AFTER_ACCEPT.name, ERROR_AFTER_ACCEPT.name, HANG.name, HANG_AFTER_ACCEPT.name})


def counted(calls: Iterable[Call | firebase.Call], mix: Mapping[Any, float] = MIX) -> dict[str, int]:
    """How often each fault of the mix has happened."""
    seen = Counter(call.behaviour.name for call in calls)
    return {behaviour.name: seen[behaviour.name] for behaviour in mix}


def least(calls: int, mix: Mapping[Any, float] = MIX) -> dict[str, int]:
    """Half of what chance promises of each fault, where it promises enough to rely on; one where it promises some."""
    return {
        behaviour.name: int(calls * share / 2) if calls * share >= 8 else 1
        for behaviour, share in mix.items()
        if calls * share >= 4
    }


def in_doubt(calls: Iterable[Call | firebase.Call]) -> frozenset[str]:
    """Send keys of which an answer was lost."""
    return frozenset(call.send_key for call in calls if call.behaviour.name in LOSES_THE_ANSWER)


def lost_after_acceptance(calls: Iterable[Call | firebase.Call]) -> frozenset[str]:
    """Send keys that were accepted, and the answer lost."""
    return in_doubt(call for call in calls if call.behaviour.accepts)
