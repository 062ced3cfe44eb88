"""Tokens that open one inbox, for a while, and tell nobody whose it is."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from profiles.inbox_tokens import LONGEST, InboxPass, InboxTokens
from profiles.unsubscribe_links import UnsubscribeLinks

TOKENS = InboxTokens("a secret")
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
PASS = InboxPass("u-42", NOW + timedelta(days=1), datetime(2025, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC))
TOKEN = TOKENS.token(PASS)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=200)


@given(PRINTABLE, st.booleans())
def test_read_back(user_id: str, is_known: bool) -> None:
    """Whatever the user id, a token says whose it is, until when, and since when we know them, to who has the secret.

    Killed by: leaving `since` out of the token.
    """
    one = replace(PASS, user_id=user_id, since=PASS.since if is_known else None)
    token = TOKENS.token(one)
    assert InboxTokens("a secret").read(token, NOW) == one
    assert set(token) <= set(ALPHABET)


def test_the_longest() -> None:
    """The token of the longest id that there can be is read.

    Killed by: LONGEST = 1000.
    """
    one = replace(PASS, user_id="😀" * 200)
    assert len(TOKENS.token(one)) <= LONGEST
    assert TOKENS.read(TOKENS.token(one), NOW) == one


def test_to_its_last_second() -> None:
    """A token opens until the moment in it, and never from then on.

    Killed by: `<` in place of `<=` in InboxTokens.read.
    """
    assert TOKENS.read(TOKEN, PASS.expires_at - timedelta(microseconds=1)) == PASS
    assert TOKENS.read(TOKEN, PASS.expires_at) is None


def test_opaque() -> None:
    """Who sees a token learns neither the person nor the moment from it, and two tokens of one person look unlike.

    Killed by: signing the text in place of encrypting it.
    """
    user_id = "h-0123456789abcdef01234567"
    one = replace(PASS, user_id=user_id)
    raw = base64.urlsafe_b64decode(TOKENS.token(one) + "==")
    for told in (user_id, "0123456789", "2025", str(int(one.expires_at.timestamp()))):
        assert told.encode() not in raw
    later = replace(one, expires_at=one.expires_at + timedelta(seconds=1))
    first, second = TOKENS.token(one), TOKENS.token(later)
    assert sum(a == b for a, b in zip(first, second, strict=True)) < len(first) / 4


def test_forged() -> None:
    """Every truncated, prolonged or altered token, and every one of another secret, is refused.

    Killed by: not comparing with _encoded(raw) in InboxTokens.read.
    """
    forged = {TOKEN[:length] for length in range(len(TOKEN))} | {TOKEN[start:] for start in range(1, len(TOKEN))}
    for place, right in enumerate(TOKEN):
        forged |= {TOKEN[:place] + letter + TOKEN[place + 1 :] for letter in ALPHABET if letter != right}
        forged |= {TOKEN[:place] + noise + TOKEN[place:] for noise in ("=", ".", " ", "é", "\n", "A")}
    forged |= {InboxTokens("another secret").token(PASS), TOKEN + "=", TOKEN + "A"}
    assert [token for token in sorted(forged) if TOKENS.read(token, NOW) is not None] == []


def test_for_nothing_else() -> None:
    """A token for the inbox is no unsubscribe link, and a link is no token, though both come from one secret.

    Killed by: deriving the key with the info of the unsubscribe links.
    """
    links = UnsubscribeLinks("a secret", "")
    assert links.read(TOKEN) is None
    assert TOKENS.read(links.token("u-42", str(int(PASS.expires_at.timestamp())), ""), NOW) is None


@given(st.text() | st.text(ALPHABET, max_size=2000))
def test_noise(token: str) -> None:
    """Any text at all is refused, without an error.

    Killed by: leaving InvalidTag out of what InboxTokens.read catches.
    """
    assert TOKENS.read(token, NOW) is None


def test_of_the_same_person() -> None:
    """A token opens nothing once its person was erased, also if somebody new is known by that id; one that was made before
    we had heard of them does not mind that we have.

    Killed by: returning True in InboxPass.opens; returning False for `since` None.
    """
    stranger = replace(PASS, since=None)
    assert PASS.opens(PASS.since)
    assert not PASS.opens(None)
    assert not PASS.opens(NOW)
    assert stranger.opens(None)
    assert stranger.opens(NOW)
