"""The shipped channel with the real client library, and a Firebase for it to call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.channels.firebase import Firebase
from tests.doubles.firebase import FirebaseDouble


@pytest_asyncio.fixture
async def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirebaseDouble]:
    """A Firebase that answers as told, and that is the real one as far as this process can tell."""
    async with FirebaseDouble() as double:
        for name, value in double.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        yield double


@pytest.fixture
def key_file(double: FirebaseDouble, tmp_path: Path) -> Path:
    """The service account's key file."""
    return double.key_file(tmp_path)


@pytest_asyncio.fixture
async def channel(double: FirebaseDouble, key_file: Path) -> AsyncIterator[Firebase]:
    """The shipped channel, calling the double."""
    channel = Firebase(key_file)
    yield channel
    await double.close()
    await channel.close()
