"""How the program speaks to those who operate it: one line an event, never a person's data."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

QUOTED = re.compile(r"\S*@\S*|\S*/v1/\S*|'[^']*'|\"[^\"]*\"|\+?\d[\d().:/-]{5,}")
"""What a library may have put into a text of its own: addresses, paths of the front door, quoted values, long numbers."""
NEAREST = 4
"""How many places of a traceback are told: the last ones."""


def configure() -> None:
    """Readable lines on a terminal, JSON elsewhere, both on stderr; tracebacks without the values of variables."""
    at_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if at_terminal
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if at_terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.raiseExceptions = False  # a record that cannot be told would be printed with its arguments
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries(logging.WARNING)], force=True)


class Libraries(logging.Handler):
    """Tells what libraries log in our own form, without the values they log: those may be a person's.

    Kept are the library's words, the name of an error and where it was raised; never an error's text, which may quote
    what the person wrote, nor a local value.
    """

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, _words(record), logger=record.name, **_known(record))


def _words(record: logging.LogRecord) -> str:
    """The text before anything is put into it, of several lines the first; Temporal's own appends who it is about."""
    text = str(record.msg) if isinstance(record.msg, str) else type(record.msg).__name__
    first = next(iter(text.strip().splitlines()), "").partition(" ({")[0]
    for context in _contexts(record):
        for name in ("workflow_id", "run_id"):
            if value := context.get(name):
                first = first.replace(str(value), "…")
    return QUOTED.sub("…", first)[:200]


def _contexts(record: logging.LogRecord) -> Iterator[dict[str, Any]]:
    """What Temporal's SDK attaches to a record."""
    for name in ("temporal_activity", "temporal_workflow"):
        if isinstance(context := getattr(record, name, None), dict):
            yield context


def _known(record: logging.LogRecord) -> dict[str, Any]:
    """Names of code, and nothing else."""
    known: dict[str, Any] = {}
    for context in _contexts(record):
        found = {"journey": context.get("workflow_type"), "activity": context.get("activity_type")}
        known |= {name: value for name, value in found.items() if value}
    if record.exc_info and (error := record.exc_info[1]) is not None:
        frames = traceback.extract_tb(error.__traceback__)[-NEAREST:]
        known["error"] = type(error).__name__
        known["at"] = [f"{'/'.join(Path(each.filename).parts[-2:])}:{each.lineno} {each.name}" for each in frames]
    return known
