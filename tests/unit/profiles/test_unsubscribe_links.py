"""Links that nobody can forge, and that tell nobody whose they are."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from profiles.unsubscribe_links import UnsubscribeLinks

LINKS = UnsubscribeLinks("a secret", "https://shop.example.com")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TOKEN = LINKS.token("u-42", "email", "carts")
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=200)


@given(PRINTABLE)
def test_read_back(user_id: str) -> None:
    """Whatever the user id, a token says whose it is, from which channel and topic, to who has the secret."""
    token = LINKS.token(user_id, "in_app", "after_purchase")
    assert LINKS.read(token) == (user_id, "in_app", "after_purchase")
    assert set(token) <= set(ALPHABET)
    assert len(LINKS.link(user_id, "in_app", "after_purchase")) < 2000


def test_the_same_for_ever() -> None:
    """The same secret gives the same link, also after a restart: the link in an old mail stays valid."""
    assert LINKS.link("u-42", "email", "carts") == f"https://shop.example.com/unsubscribe/{TOKEN}"
    assert UnsubscribeLinks("a secret", "http://elsewhere").token("u-42", "email", "carts") == TOKEN
    assert UnsubscribeLinks("a secret", "").read("GOKbdLcnZZ1erP_4LpkbtvsRrU8tzt6pmUeVk4Ld6Pc") == (
        "u-42",
        "email",
        "carts",
    )


def test_short() -> None:
    """A usual link fits on one line of a plain-text mail."""
    assert len(TOKEN) <= 50


def test_opaque() -> None:
    """Who sees a link learns neither the person nor the topic from it, and two topics of one person look unlike."""
    user_id = "h-0123456789abcdef01234567"
    raw = base64.urlsafe_b64decode(LINKS.token(user_id, "email", "carts") + "==")
    for told in (user_id, "0123456789", "email", "carts"):
        assert told.encode() not in raw
    first, second = LINKS.token(user_id, "email", "carts"), LINKS.token(user_id, "email", "party")
    assert sum(one == other for one, other in zip(first, second, strict=True)) < len(first) / 4


def test_forged() -> None:
    """Every truncated, prolonged or altered token, and every one of another secret, is refused."""
    forged = {TOKEN[:length] for length in range(len(TOKEN))} | {TOKEN[start:] for start in range(1, len(TOKEN))}
    for place, right in enumerate(TOKEN):
        forged |= {TOKEN[:place] + letter + TOKEN[place + 1 :] for letter in ALPHABET if letter != right}
        forged |= {TOKEN[:place] + noise + TOKEN[place:] for noise in ("=", ".", " ", "é", "\n", "A")}
    forged |= {UnsubscribeLinks("another secret", "").token("u-42", "email", "carts"), TOKEN + "=", TOKEN + "A"}
    assert [token for token in sorted(forged) if LINKS.read(token) is not None] == []


@given(st.text() | st.text(ALPHABET, max_size=2000))
def test_noise(token: str) -> None:
    """Any text at all is refused, without an error."""
    assert LINKS.read(token) is None
