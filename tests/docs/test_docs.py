"""The pages tell the truth: their code loads, their commands exist, their tables and links are those of today."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
import typer.main

import starter
from activities.rendering import Templates
from docs.refresh import DOCS, ROOT, refreshed
from ingestion.segment import Call, messages
from messages import Channel
from settings import Settings
from stack import temporal_binary
from tests.docs.blocks import PAGES, Block, blocks, name_of, templates_of
from workflows.catalogue import listed
from workflows.inbox import read_event

COMMANDS = typer.main.get_group(starter.app).commands
LINK = re.compile(r"\]\(([^)\s]+)\)")
PROSE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def of_language(*languages: str) -> list[object]:
    """Each block of these languages, named by its place."""
    return [pytest.param(block, id=name_of(block)) for block in blocks() if block.language in languages]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_what_the_code_tells(page: Path) -> None:
    """Tables of events, fields, names and keys, and the links from each situation to its tests, are those of today."""
    text = page.read_text(encoding="utf-8")
    assert refreshed(text) == text, "out of date; run: python -m docs.refresh"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links(page: Path) -> None:
    """Every relative link leads to a file, every image is there, and every anchor is a heading of its page."""
    dead = []
    for target in LINK.findall(PROSE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    text = PROSE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("block", of_language("python"))
def test_python(block: Block, tmp_path: Path) -> None:
    """Every block of Python can be imported; one that declares a journey is checked as the worker checks its files."""
    declared = re.search(r"^async def (\w+)\(user: User", block.text, re.MULTILINE)
    name = declared[1] if declared else "block"
    path = tmp_path / f"{name}.py"
    path.write_text(block.text, encoding="utf-8")
    module = imported(name, path)
    if declared:
        assert listed(module, name).journey.summary


def imported(name: str, path: Path) -> ModuleType:
    """The module in that file; it stays out of sys.modules."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("block", of_language("json"))
def test_json(block: Block) -> None:
    """Every block of JSON is an event that a run can read from a signal, or a call that the front door takes."""
    body = json.loads(block.text)
    for item in body if isinstance(body, list) else [body]:
        if "type" in item:
            event = read_event(item)
            assert event is not None
            assert set(item) - {"type"} <= set(type(event).model_fields)
        else:
            (message,) = messages(item, Call("track", datetime.fromisoformat(item["timestamp"]), None, {}))
            assert not isinstance(message, Exception)


def lines_of_shell() -> Iterator[tuple[str, list[str]]]:
    """Each command of the shell blocks, whole, with its words."""
    for block in blocks():
        if block.language == "sh":
            command = ""
            for line in block.text.replace("\\\n", " ").splitlines():
                command += line
                try:
                    words = shlex.split(command, comments=True)
                except ValueError:
                    command += "\n"  # A text in quotes goes on in the next line.
                else:
                    yield command, words
                    command = ""
            assert not command, f"{name_of(block)}: a quote is never closed"


@pytest.mark.parametrize("block", of_language("sh"))
def test_shell(block: Block) -> None:
    """Every block of shell can be read by a shell."""
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True, timeout=10)


def test_commands_of_the_app() -> None:
    """What the pages do with starter.py it can do, and every command it has is on some page."""
    for _, words in lines_of_shell():
        if "starter.py" in words:
            name, *arguments = words[words.index("starter.py") + 1 :]
            COMMANDS[name].make_context(name, arguments)
    told = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in COMMANDS if f"starter.py {name}" not in told] == []


def test_targets_of_make() -> None:
    """Every target of make that a page names is there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    named = {word for _, words in lines_of_shell() if words[:1] == ["make"] for word in words[1:] if "=" not in word}
    assert named <= targets


def test_commands_of_temporal() -> None:
    """Every flag that the pages give to Temporal's own command line is one of its flags."""
    for line, words in lines_of_shell():
        if words[:1] == ["temporal"]:
            command = itertools.takewhile(lambda word: not word.startswith("--"), words[1:])
            help_text = subprocess.run(
                [temporal_binary(), *command, "--help"], capture_output=True, text=True, check=True, timeout=20
            ).stdout
            missing = [word for word in words if word.startswith("--") and f"{word} " not in help_text]
            assert missing == [], line


def test_settings() -> None:
    """The page of settings has every variable with its default, and no page names one that is not read."""
    rows = re.findall(
        r"^\| `(\w+)` \| (?:`([^`]*)`)? ?\|", (DOCS / "settings.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    told = dict(rows)
    expected = {}
    for name, field in Settings.model_fields.items():
        aliases = getattr(field.validation_alias, "choices", [f"JOURNEYMAN_{name.upper()}"])
        expected[str(aliases[0])] = shown(field.default)
    assert told == expected
    everywhere = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"JOURNEYMAN_[A-Z_]+", everywhere)) <= expected.keys() | {"JOURNEYMAN_GEOIP_DB"}


def shown(default: object) -> str:
    """A default as the page shows it; what is secret or made up at the first use is empty."""
    if isinstance(default, Path) and default.is_absolute():
        return default.relative_to(ROOT).as_posix()
    return str(default) if isinstance(default, (str, int, Path)) else ""


def test_templates(tmp_path: Path) -> None:
    """The templates of the guide are accepted as those in templates/ are, and so are the messages its journeys name."""
    templates = Templates(templates_of("write-a-journey.md", tmp_path), shop=Settings().shop)
    for block in blocks("write-a-journey.md"):
        for channel, template in re.findall(r'\b(email|push|in_app)\("([\w/]+)"', block.text):
            assert channel in get_args(Channel)
            assert template in templates.names(channel)
