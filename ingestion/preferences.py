"""The page on which a person says what they want to get, topic by topic and channel by channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.routing import Route

from storage.consents import EVERY, Consents

from .pages import Pages, Pair, Unreadable, Visit, Word

CHANNELS = ("email", "push", "in_app", "webhook")
NOTHING: Pair = (EVERY, EVERY)
MOST_FIELDS = 1000


@dataclass(frozen=True)
class Offer:
    """What can be had from this shop: the channels of each topic, and the topics that one must ask for."""

    channels: Mapping[str, Iterable[str]]
    opt_in: frozenset[str] = frozenset()

    @property
    def topics(self) -> dict[str, tuple[str, ...]]:
        """Every topic with its channels in their usual order; one that has no message yet is asked for on any channel."""
        told = {topic: tuple(sorted(ways, key=CHANNELS.index)) for topic, ways in self.channels.items()}
        return dict.fromkeys(sorted(self.opt_in), (EVERY,)) | told

    @property
    def pairs(self) -> set[Pair]:
        return {(channel, topic) for topic, ways in self.topics.items() for channel in ways}

    def wanted(self, consents: Consents, pair: Pair) -> bool:
        """Whether messages of that channel and topic may be sent; for every channel, whether they may on any."""
        return any(self.allowed(consents, one) for one in _each(pair))

    def allowed(self, consents: Consents, pair: Pair) -> bool:
        """The same of exactly this pair."""
        return not consents.refuses(*pair) and (pair[1] not in self.opt_in or consents.asks_for(*pair))


def words(offer: Offer, consents: Consents, shown: set[Pair], chosen: set[Pair]) -> list[Word]:
    """What is to be said so that of what was shown the chosen is wanted, and nothing else; refusals come first.

    A wide refusal, such as "nothing at all", is stronger than a narrow consent: where it stands in the way it is lifted,
    and all that was not chosen is refused by its name. So in between nothing is ever allowed that was not wanted.
    """
    lifted = sorted(wide for wide in consents.refused if EVERY in wide and any(_covers(wide, one) for one in chosen))
    refused: list[Pair] = []
    if NOTHING in lifted and not any(channel == EVERY for channel, _ in chosen):
        refused += [(channel, EVERY) for channel in CHANNELS if channel not in {used for used, _ in chosen}]
    after = consents
    for pair in lifted:
        after = after.saying(*pair, given=True)
    for pair in refused:
        after = after.saying(*pair, given=False)
    for pair in sorted(offer.pairs - chosen):
        if pair in shown:
            refused += [pair] if offer.wanted(after, pair) else []
        else:
            # What the lift would allow is refused even where the form, being older than a topic, has not shown it.
            refused += [one for one in _each(pair) if offer.allowed(after, one) and not offer.allowed(consents, one)]
    # Who ticks "on any channel" says so, also where one channel of it had been asked for long ago.
    given = [
        pair
        for pair in sorted(chosen)
        if not offer.allowed(after, pair) and not (offer.wanted(consents, pair) and offer.wanted(after, pair))
    ]
    return [(False, pair) for pair in refused] + [(True, pair) for pair in [*given, *lifted]]


def preference_routes(pages: Pages, offer: Offer) -> list[Route]:
    """The page behind the link in the unsubscribe page."""

    async def show(visit: Visit) -> Response:
        return page(visit, await pages.consents(visit.user_id), "")

    async def save(visit: Visit) -> Response:
        choice = _choice(visit.body, offer)

        def missing(consents: Consents) -> list[Word]:
            if choice.nothing:
                return [] if NOTHING in consents.refused else [(False, NOTHING)]
            # What was left as it stood is no new consent: the person may have left that topic since the page was opened.
            chosen = {pair for pair in choice.ticked if pair in choice.lacked or offer.wanted(consents, pair)}
            return words(offer, consents, choice.had | choice.lacked, chosen)

        consents = await pages.settle(visit, missing, via="preferences")
        if choice.nothing:
            return page(visit, consents, "saved_nothing")
        holds = {pair for pair in choice.had | choice.lacked if offer.wanted(consents, pair)}
        return page(visit, consents, "saved" if holds == choice.ticked else "changed")

    def page(visit: Visit, consents: Consents, done: str) -> Response:
        said = pages.texts[visit.language]["preferences"]
        rows = [_row(pages, visit.language, offer, consents, topic) for topic in offer.topics]
        return pages.page(
            "preferences",
            visit.language,
            title=said["title"],
            done=said[done] if done else "",
            nothing=not any(offer.wanted(consents, pair) for pair in offer.pairs),
            topics=sorted(rows, key=lambda row: (row["opt_in"], row["name"])),
        )

    return [
        pages.route("/preferences/{token}", "GET", show),
        pages.route("/preferences/{token}", "POST", save),
    ]


def _row(pages: Pages, language: str, offer: Offer, consents: Consents, topic: str) -> dict[str, Any]:
    name, about = pages.texts.topic(language, topic)
    ways = pages.texts[language]["channels"]
    return {
        "name": name,
        "about": about,
        "opt_in": topic in offer.opt_in,
        "ways": [
            {
                "pair": f"{channel}/{topic}",
                "name": ways["any" if channel == EVERY else channel],
                "wanted": offer.wanted(consents, (channel, topic)),
            }
            for channel in offer.topics[topic]
        ],
    }


@dataclass(frozen=True)
class Choice:
    """What a form brings: what the page had shown as wanted and as not wanted, and what is ticked now."""

    nothing: bool
    had: set[Pair]
    lacked: set[Pair]
    ticked: set[Pair]


def _choice(body: bytes, offer: Offer) -> Choice:
    """What the person chose; Unreadable for what our form does not send."""
    try:
        form = parse_qs(body.decode("ascii"), max_num_fields=MOST_FIELDS, strict_parsing=True, encoding="utf-8")
    except ValueError:
        raise Unreadable("not our form") from None
    had, lacked, ticked = (_pairs(form.get(name, ())) & offer.pairs for name in ("had", "lacked", "wanted"))
    match form.get("do"):
        case ["nothing"]:
            return Choice(True, had, lacked, set())
        case ["save"] if had | lacked:
            return Choice(False, had, lacked, ticked & (had | lacked))
    raise Unreadable("not our form")


def _pairs(values: Iterable[str]) -> set[Pair]:
    return {(channel, topic) for channel, _, topic in (value.partition("/") for value in values)}


def _each(pair: Pair) -> list[Pair]:
    """The pair and, of one that stands for every channel, each channel's."""
    return [pair, *((channel, pair[1]) for channel in CHANNELS if pair[0] == EVERY)]


def _covers(wide: Pair, pair: Pair) -> bool:
    return all(mine in (EVERY, theirs) for mine, theirs in zip(wide, pair, strict=True))
