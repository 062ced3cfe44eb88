"""How busy a person is with the shop, what they care about, on what they browse and buy, and where they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, get_args

from events import (
    Activity,
    CheckoutStarted,
    EmailClicked,
    EmailOpened,
    Event,
    InAppClicked,
    OrderCompleted,
    PageViewed,
    ProductAdded,
    ProductListViewed,
    ProductsSearched,
    ProductViewed,
    PushTapped,
    ScreenViewed,
)
from messages import Channel
from workflows.profile import Affinity, DeviceKind, Did

HALF = 25
"""The points at which engagement is 50."""
POINTS = (
    dict.fromkeys([*Activity.kinds(), EmailOpened.event_name], 1)
    | dict.fromkeys([ProductAdded.event_name, CheckoutStarted.event_name], 3)
    | dict.fromkeys([EmailClicked.event_name, InAppClicked.event_name, PushTapped.event_name], 3)
    | {OrderCompleted.event_name: 10}
)
ANSWERS: dict[str, tuple[Channel, int]] = {
    EmailOpened.event_name: ("email", 1),
    EmailClicked.event_name: ("email", 3),
    InAppClicked.event_name: ("in_app", 3),
    PushTapped.event_name: ("push", 3),
}
EVIDENCE = 3
"""Points of answers, or views, or none at all, before we believe to know."""
MOST = 5
VIEWS = (PageViewed, ScreenViewed, ProductListViewed, ProductsSearched, ProductViewed)
KNOWN_DEVICES = get_args(DeviceKind)


def engagement(behaviour: Sequence[Did]) -> int:
    """0 to 99: points of the last 7 days whole, of the 23 before half, of the 60 before those a quarter."""
    points = sum(
        POINTS.get(did.event, 0) * (did.week + (did.month - did.week) / 2 + (did.quarter - did.month) / 4)
        for did in behaviour
    )
    return min(int(100 * points / (points + HALF)), 99)


def affinities(categories: Mapping[str, int]) -> tuple[Affinity, ...]:
    """The categories of most interest with their part of it all, which need not sum to 1."""
    total = sum(categories.values())
    first = sorted(categories, key=lambda name: (categories[name], name), reverse=True)[:MOST]
    return tuple(Affinity(category=name, share=round(categories[name] / total, 3)) for name in first if total)


def best_channel(behaviour: Sequence[Did]) -> Channel | None:
    """The channel whose messages of the last 90 days were answered most; email where two are equal."""
    points: dict[Channel, int] = {"email": 0, "push": 0, "in_app": 0}
    for did in behaviour:
        if did.event in ANSWERS:
            channel, worth = ANSWERS[did.event]
            points[channel] += worth * did.quarter
    best = max(points, key=lambda channel: points[channel])
    return best if points[best] >= EVIDENCE else None


def doing_of(event: Event) -> str | None:
    """`browse kind` or `buy kind` for what counts as that on a device whose kind is known."""
    kind = event.context.device.kind
    if kind not in KNOWN_DEVICES:
        return None
    if isinstance(event, OrderCompleted):
        return f"buy {kind}"
    return f"browse {kind}" if isinstance(event, VIEWS) else None


def device_for(doing: str, devices: Mapping[str, int]) -> DeviceKind | None:
    """The kind of device on which the person does that most; browsing takes some evidence, a purchase is one."""
    counts = {kind: devices.get(f"{doing} {kind}", 0) for kind in KNOWN_DEVICES}
    if sum(counts.values()) < (EVIDENCE if doing == "browse" else 1):
        return None
    return cast(DeviceKind, max(counts, key=lambda kind: counts[kind]))
