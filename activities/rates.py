"""How many messages a second a channel may send, over all workers together."""

from __future__ import annotations

from typing import cast, get_args

from errors import SettingsError
from messages import Channel


def read_rates(text: str) -> dict[Channel, float]:
    """From "email=100, push=0.5"; SettingsError says which part is wrong. A channel that is not named has no limit."""
    rates: dict[Channel, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        channel, equals, number = (word.strip() for word in part.partition("="))
        if channel not in get_args(Channel):
            raise SettingsError(
                f"JOURNEYMAN_RATES: {part!r} names no channel; there are {', '.join(get_args(Channel))}."
            )
        if channel in rates:
            raise SettingsError(f"JOURNEYMAN_RATES: {channel} is there twice; keep one.")
        rates[cast(Channel, channel)] = _rate(number) if equals else _rate("")
    return rates


def _rate(number: str) -> float:
    try:
        rate = float(number)
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 1_000_000:
        raise SettingsError(
            f"JOURNEYMAN_RATES: {number!r} is no rate; write messages a second from 0.01 on, as in email=100, push=500."
        )
    return rate
