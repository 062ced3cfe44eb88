"""Which dates of a profile journeys may see, and how much of each."""

from __future__ import annotations

from typing import Literal, cast, get_args
from zoneinfo import ZoneInfo

from errors import SettingsError
from workflows.clock import day_of, moment_of, recurring

Every = Literal["once", "yearly", "monthly"]


def read_dates(text: str) -> dict[str, Every]:
    """From "renews_at, birthday=yearly, rent_due=monthly"; SettingsError says which part is wrong."""
    found: dict[str, Every] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        trait, equals, every = (word.strip() for word in part.partition("="))
        every = every if equals else "once"
        if not trait or every not in get_args(Every):
            raise SettingsError(
                f"JOURNEYMAN_DATE_TRAITS: {part!r} is no date; write traits, as in renews_at, birthday=yearly, rent_due=monthly."
            )
        if trait in found:
            raise SettingsError(f"JOURNEYMAN_DATE_TRAITS: {trait} is there twice; keep one.")
        found[trait] = cast(Every, every)
    return found


def date_shown(value: object, every: Every) -> str | None:
    """What a journey may know of it: all, or the day alone (`--02-29` of every year, `---31` of every month); None for no date.

    Any other text could be anything about the person, and the year of a birthday is nobody's business.
    """
    text = value.strip() if isinstance(value, str) else ""
    if (known := recurring(text)) is not None:
        month, day = known
    elif every == "once":
        return text if text and moment_of(text, ZoneInfo("UTC")) else None
    elif (whole := day_of(text)) is not None:
        month, day = whole.month, whole.day
    else:
        return None
    if every == "monthly" or month is None:
        return None if every == "yearly" else f"---{day:02}"
    return f"--{month:02}-{day:02}"
