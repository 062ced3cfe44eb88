"""What the preference page has to say so that a person gets what they have chosen, and nothing else."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ingestion.pages import Pair
from ingestion.preferences import CHANNELS, NOTHING, Offer, words
from storage.consents import EVERY, Consents

OFFER = Offer({"carts": ("push", "email"), "news": ("email",)}, frozenset({"news", "sms_deals"}))
ALL = frozenset(OFFER.pairs)
ANY = st.tuples(st.sampled_from((*CHANNELS, EVERY)), st.sampled_from(("carts", "news", "sms_deals", "later", EVERY)))
STATES = st.dictionaries(ANY, st.booleans()).map(
    lambda told: Consents(
        frozenset(pair for pair, given in told.items() if given),
        frozenset(pair for pair, given in told.items() if not given),
    )
)
SOME = st.sets(st.sampled_from(sorted(ALL)))


def wanted(consents: Consents) -> set[Pair]:
    """What of the offer may be sent."""
    return {pair for pair in ALL if OFFER.wanted(consents, pair)}


def test_what_is_offered() -> None:
    """Every topic is there with its channels; one that has no message yet is there to be asked for."""
    assert OFFER.topics == {"news": ("email",), "sms_deals": (EVERY,), "carts": ("email", "push")}


@given(STATES, SOME)
def test_it_comes_true(before: Consents, chosen: set[Pair]) -> None:
    """Whatever was said before, after saving exactly the chosen is wanted; saving again has nothing to say."""
    consents = before
    for given_, pair in words(OFFER, before, set(ALL), chosen):
        consents = consents.saying(*pair, given=given_)
        assert wanted(consents) <= wanted(before) | chosen, "nothing is let through in between"
    assert wanted(consents) == chosen
    assert words(OFFER, consents, set(ALL), chosen) == []


@given(STATES, SOME, SOME)
def test_only_what_was_shown(before: Consents, shown: set[Pair], ticked: set[Pair]) -> None:
    """A form older than a topic neither begins nor ends that topic."""
    consents, chosen = before, shown & ticked
    for given_, pair in words(OFFER, before, shown, chosen):
        consents = consents.saying(*pair, given=given_)
    assert wanted(consents) & shown == chosen
    others = {pair for pair in ALL - shown if EVERY not in pair and (EVERY, pair[1]) not in shown}
    assert wanted(consents) & others == wanted(before) & others


def test_one_topic_after_nothing_at_all() -> None:
    """Who wanted nothing and now wants one topic gets that, and on the other channels not even what comes later."""
    nothing = Consents().saying(*NOTHING, given=False)
    assert wanted(nothing) == set()
    consents = nothing
    for given_, pair in words(OFFER, nothing, set(ALL), {("email", "carts")}):
        consents = consents.saying(*pair, given=given_)
    assert wanted(consents) == {("email", "carts")}
    assert consents.refuses("push", "a_later_topic")
    assert consents.refuses("webhook", "a_later_topic")
    assert not consents.asks_for("email", "a_later_topic"), "what is opt-in has to be asked for by its name"


def test_a_consent_of_old_behind_a_wide_refusal() -> None:
    """What had been asked for before a wide refusal does not come back with another topic: all of it, tried out.

    Killed by: `offer.allowed` in place of `offer.wanted` for the pairs that were not chosen.
    """
    small = Offer({"a": ("email",)}, frozenset({"d"}))
    told = [("email", "a"), ("email", "d"), ("push", "d"), ("email", EVERY), (EVERY, "d"), NOTHING]
    channels = [(channel, "d") for channel in (*CHANNELS, EVERY)]
    tried = 0
    for state in itertools.product((None, True, False), repeat=len(told)):
        before = Consents(
            *(frozenset(itertools.compress(told, (word is it for word in state))) for it in (True, False))
        )
        for ticks in itertools.product((False, True), repeat=2):
            chosen = set(itertools.compress([("email", "a"), (EVERY, "d")], ticks))
            for shown in (chosen | {("email", "a")}, small.pairs):
                after = before
                for given_, pair in words(small, before, shown, chosen):
                    after = after.saying(*pair, given=given_)
                    if not ticks[1]:
                        for one in channels:
                            assert small.allowed(before, one) or not small.allowed(after, one), (before, shown, one)
                assert {pair for pair in shown if small.wanted(after, pair)} == chosen
                assert words(small, after, shown, chosen) == []
                tried += 1
    assert tried == 3 ** len(told) * 8


def test_asked_for_on_one_channel() -> None:
    """A topic that is offered on any channel and was asked for on one is shown as wanted: saving the page keeps it so."""
    consents = Consents().saying("email", "sms_deals", given=True)
    assert (EVERY, "sms_deals") in wanted(consents)
    assert words(OFFER, consents, set(ALL), wanted(consents)) == []


def test_nothing_changed() -> None:
    """Saving the page as it was says nothing at all."""
    assert words(OFFER, Consents(), set(ALL), wanted(Consents())) == []
