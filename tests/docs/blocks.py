"""What stands in the pages between two fences."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.refresh import DOCS, ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A piece of code of a page; `file` is what it is called there, if it is."""

    page: Path
    number: int
    language: str
    file: str
    text: str


def blocks(page_name: str | None = None) -> Iterator[Block]:
    """Every block of every page, or of one."""
    for page in PAGES:
        if page_name in (None, page.name):
            for number, found in enumerate(FENCE.finditer(page.read_text(encoding="utf-8")), 1):
                yield Block(page, number, found[1], found[2] or "", found[3])


def name_of(block: Block) -> str:
    """How a test calls a block."""
    return f"{block.page.stem}-{block.number}"


def templates_of(page_name: str, folder: Path) -> Path:
    """A copy of templates/ with those of the page added."""
    root = shutil.copytree(ROOT / "templates", folder / "templates")
    for block in blocks(page_name):
        if block.language == "liquid":
            file = root / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    return root
