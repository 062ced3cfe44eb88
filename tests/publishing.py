"""What backends publish to a broker, and how tests look whether all of it was taken."""

from __future__ import annotations

import json
import runpy
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from tests.docs.blocks import blocks
from tests.door import Door


def viewed(user: str, number: int) -> dict[str, Any]:
    """The product of that number was seen by this user."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"{user}-{number}",
        "userId": user,
        "properties": {"product_id": str(number)},
    }


def shopping(users: Sequence[str], count: int, first: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """So many views in turn, each with the key that keeps its user's order."""
    turns = [(users[number % len(users)], number) for number in range(first, first + count)]
    return [(user, viewed(user, number)) for user, number in turns]


def of_the_page(file: str, folder: Path) -> Callable[[str, str], Awaitable[None]]:
    """The function `publish` of that block of docs/brokers.md."""
    (block,) = [block for block in blocks("brokers.md") if block.file == file]
    (folder / file).write_text(block.text, encoding="utf-8")
    publish: Callable[[str, str], Awaitable[None]] = runpy.run_path(str(folder / file))["publish"]
    return publish


def written(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


async def count(door: Door) -> int:
    """How many events are stored."""
    return len(await door.stored())


async def holds(door: Door, number: int) -> bool:
    """Whether just as many are."""
    return await count(door) == number


async def seen(door: Door) -> dict[str, list[int]]:
    """The numbers of what each user has seen, in order of acceptance."""
    found: dict[str, list[int]] = defaultdict(list)
    for row in sorted(await door.stored("Product Viewed"), key=lambda row: row.seq):
        found[row.user_id].append(int(row.properties["product_id"]))
    return dict(found)


def in_turn(users: Sequence[str], count: int) -> dict[str, list[int]]:
    """What `seen` says where `shopping` was taken whole, once and in order."""
    return {user: list(range(place, count, len(users))) for place, user in enumerate(users)}
