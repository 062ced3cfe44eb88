"""What the front door makes of a body before it looks at its messages."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from errors import EventError, EventTooLarge
from ingestion.bodies import BATCH_LIMIT, parse_body
from ingestion.keys import write_key

MESSAGE = {"userId": "u-1", "event": "Order Completed"}


def test_gzip_is_known_by_its_bytes() -> None:
    """A gzipped body is read as such, whatever its headers say."""
    assert parse_body(gzip.compress(json.dumps(MESSAGE).encode())) == MESSAGE
    assert parse_body(json.dumps(MESSAGE).encode()) == MESSAGE


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"userId=u-1",
        b'{"userId": "\xff\xfe"}',
        b'{"value": NaN}',
        b'{"value": Infinity}',
        b'{"value": -Infinity}',
        b'{"a":' * 100_000,
        b"[" * 200_000,
        b'{"value": ' + b"9" * 5000 + b"}",
    ],
    ids=["empty", "cut", "form", "utf-8", "NaN", "inf", "-inf", "deep objects", "deep lists", "long number"],
)
def test_no_json(raw: bytes) -> None:
    """Whatever is not JSON in UTF-8 is refused in one line that says what to send."""
    with pytest.raises(EventError, match=r"^The body is not JSON; send one JSON object in UTF-8\.$"):
        parse_body(raw)


@pytest.mark.parametrize(
    "raw", [b'{"userId": "u", "userId": "v"}', b'{"a": [{"x": 1, "\\u0078": 1}]}'], ids=["top", "deep"]
)
def test_a_name_twice(raw: bytes) -> None:
    """An object with two values of one name is refused: readers differ in which of the two they take.

    Killed by: leaving object_pairs_hook out of the reader.
    """
    with pytest.raises(EventError, match="stands twice"):
        parse_body(raw)


def test_a_byte_order_mark() -> None:
    """The mark that some programs put before UTF-8 is no part of the JSON; other encodings and half characters are refused.

    Killed by: decoding as utf-8 only, or json.loads of bytes, which also takes UTF-16 and surrogates.
    """
    assert parse_body(b"\xef\xbb\xbf" + json.dumps(MESSAGE).encode()) == MESSAGE
    for raw in (json.dumps(MESSAGE).encode("utf-16"), b'{"userId": "\xed\xa0\x80"}'):
        with pytest.raises(EventError, match="not JSON"):
            parse_body(raw)


@pytest.mark.parametrize("raw", [b"[]", b'"u-1"', b"1", b"null"])
def test_no_object(raw: bytes) -> None:
    """JSON that is no object is refused."""
    with pytest.raises(EventError, match="not a JSON object"):
        parse_body(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (gzip.compress(b"{}" * 400)[:-20], "cut short"),
        (b"\x1f\x8b" + b"\xff" * 40, "cannot be unpacked"),
        (gzip.compress(b"{}") + b"{", "follows the end"),
    ],
    ids=["cut", "broken", "more"],
)
def test_broken_gzip(raw: bytes, words: str) -> None:
    """A gzipped body that is cut, broken or followed by something is refused.

    Killed by: leaving `eof` or `unused_data` unasked in _gunzip.
    """
    with pytest.raises(EventError, match=words):
        parse_body(raw)


def test_too_large() -> None:
    """500 kB is the most that a body may hold; one byte more is refused as too large."""
    frame = len(b'{"x":""}')
    assert parse_body(b'{"x":"' + b"a" * (BATCH_LIMIT - frame) + b'"}')
    with pytest.raises(EventTooLarge, match="500 kB"):
        parse_body(b'{"x":"' + b"a" * (BATCH_LIMIT - frame + 1) + b'"}')


def test_a_gzip_bomb_is_not_unpacked() -> None:
    """A small gzip that would become 200 MB is refused without being unpacked."""
    import tracemalloc

    bomb = gzip.compress(b" " * 200_000_000, 1)
    assert len(bomb) < 2 * BATCH_LIMIT
    tracemalloc.start()
    try:
        with pytest.raises(EventTooLarge):
            parse_body(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 * BATCH_LIMIT
    finally:
        tracemalloc.stop()


def basic(user: bytes) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(user).decode()}


def test_the_write_key_comes_in_three_ways() -> None:
    """The write key is the user name of Basic, the Bearer token, or `writeKey` in the body."""
    assert write_key(basic(b"wk:")) == "wk"
    assert write_key(basic(b"wk")) == "wk"
    assert write_key({"authorization": "bearer wk"}) == "wk"
    assert write_key({}, {"writeKey": "wk"}) == "wk"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, {}),
        ({}, {"writeKey": 1}),
        ({}, {"writeKey": ["wk"]}),
        ({"authorization": "Basic !!!"}, {}),
        ({"authorization": "Basic \xff\xfe"}, {}),
        (basic(b"\xff\xfe:"), {}),
        ({"authorization": "Digest wk"}, {}),
    ],
)
def test_no_write_key(headers: dict[str, str], body: dict[str, object]) -> None:
    """A header that cannot be read and a key that is no string are no write key."""
    assert write_key(headers, body) is None
