"""The scripts for pages: how they are served, how large they are, and what the key that stands in a page opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingestion.make_snippet import SCRIPTS, STATIC, made
from settings import Settings
from tests.fronts import Front, fronted, track

LARGEST = {"journeyman.js": 3072, "journeyman-inbox.js": 2048}
"""Bytes, gzipped."""


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path, page_keys="pk") as front:
        yield front


@pytest.mark.parametrize("name", SCRIPTS)
def test_made_of_its_source(name: str) -> None:
    """What is served is what its source says; `python -m ingestion.make_snippet` makes it so.

    Killed by: changing a source and not making the script anew.
    """
    assert (STATIC / name).read_text(encoding="utf-8") == made(name)
    written = {path.stem for path in (STATIC / "source").iterdir()}
    assert written == {part for parts in SCRIPTS.values() for part in parts}


@pytest.mark.parametrize("name", SCRIPTS)
async def test_served(front: Front, name: str) -> None:
    """A page's script is small, may be kept for an hour, and is asked for again by a tag that names its bytes.

    Killed by: one tag for both encodings, or leaving Vary out.
    """
    whole = (STATIC / name).read_bytes()
    packed = await front.http.get(f"/js/{name}", headers={"Accept-Encoding": "br, gzip"})
    plain = await front.http.get(f"/js/{name}", headers={"Accept-Encoding": "identity"})
    assert packed.content == plain.content == whole
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) <= LARGEST[name]
    assert "content-encoding" not in plain.headers
    tags = {answer.headers["etag"] for answer in (packed, plain)}
    assert len(tags) == 2
    assert all(tag.startswith('"') for tag in tags)
    for answer in (packed, plain):
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "max-age=3600" in answer.headers["cache-control"]
        assert "Accept-Encoding" in answer.headers["vary"]
    known = {"Accept-Encoding": "gzip", "If-None-Match": f'"other", {packed.headers["etag"]}'}
    again = await front.http.get(f"/js/{name}", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", packed.headers["etag"])
    assert (await front.http.get("/js/source/verbs.js")).status_code == 404


async def test_a_page_key(front: Front) -> None:
    """The key that stands in a page, where anybody can read it, lets events in and opens nobody's messages.

    Killed by: letting page keys open everything, in Keys.
    """
    assert (await front.post("batch", {"batch": [track(1)]}, key="pk")).status_code == 200
    assert (await front.post("batch", {"batch": [track(2)], "writeKey": "pk"}, key=None)).status_code == 200
    assert (await front.post("batch", {"batch": [track(3)]}, key="other")).status_code == 401
    assert await front.stored() == ["m-1", "m-2"]
    for path in ("inbox/u/token", "inbox/u/read"):
        assert (await front.post(path, {"ids": []}, key="pk")).status_code == 403
        assert (await front.post(path, {"ids": []})).status_code == 200
    for key, status in (("pk", 403), ("wk", 200)):
        answer = await front.http.get("/v1/inbox/u", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status


def test_keys_are_made(tmp_path: Path) -> None:
    """Out of the box there is a key for pages, another one than the write key; where write keys are set it is set too.

    Killed by: giving the write key to pages.
    """
    fresh = Settings(data_dir=tmp_path, write_keys="", page_keys="")
    assert len(fresh.keys_of_pages()) == 1
    assert fresh.keys_of_pages() == Settings(data_dir=tmp_path, write_keys="", page_keys="").keys_of_pages()
    assert not fresh.keys_of_pages() & fresh.keys()
    assert Settings(data_dir=tmp_path, write_keys="wk", page_keys="").keys_of_pages() == frozenset()
    assert Settings(data_dir=tmp_path, write_keys="wk", page_keys="a, b").keys_of_pages() == {"a", "b"}
