"""What is written down of an error that keeps an event from being routed: its type and its place, never what it says."""

from __future__ import annotations

import traceback
from pathlib import Path

JOURNEYS = "journeys"


def problem_of(error: BaseException) -> str:
    """Such as `KeyError at cart_abandonment.py:12`: the journey's line if it came to one, else the line that raised.

    Neither the error's text nor a traceback with its locals: both would tell who it was about.
    """
    frames = traceback.extract_tb(error.__traceback__)
    paths = [(Path(frame.filename), frame.lineno) for frame in frames]
    of_journeys = [place for place in paths if place[0].parent.name == JOURNEYS]
    path, line = (of_journeys or paths)[-1]
    return f"{type(error).__name__} at {path.name}:{line}"
