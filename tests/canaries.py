"""What may never be found in Temporal's files, in a log or in an error text, whatever the tests did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

ADDRESSES = b"@example.com"
"""Everybody in the tests has an address there."""
OURS = (b"hello@example.com",)
"""The shop's own, which is no secret."""
AROUND = 60


def found(raw: bytes) -> Iterator[bytes]:
    """Each address of a person in these bytes, with a little of what stands before it."""
    start = 0
    while (place := raw.find(ADDRESSES, start)) >= 0:
        start = place + len(ADDRESSES)
        if not raw[:start].endswith(OURS):
            yield raw[max(place - AROUND, 0) : start]


def found_in(files: Iterable[Path]) -> list[str]:
    """The same for whole files, each named."""
    return [f"{file.name}: {text!r}" for file in files if file.is_file() for text in found(file.read_bytes())]
