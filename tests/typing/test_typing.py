"""What an author gets wrong is told by the type checker, on the very line, before anything runs."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REPORTED = re.compile(r"^tests/typing/(\w+)\.py:(\d+): error: .*\[([a-z-]+)\]$", re.MULTILINE)


@cache
def errors() -> frozenset[tuple[str, int, str]]:
    """File, line and code of everything that mypy reports, under the project's own configuration."""
    files = [f"tests/typing/{name}.py" for name in ("right", "wrong")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", *files],
        cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return frozenset((name, int(line), code) for name, line, code in REPORTED.findall(done.stdout))


def test_right_use_passes() -> None:
    """A journey that uses every verb and every argument as documented has no error."""
    assert not [error for error in errors() if error[0] == "right"]


def test_each_mistake_is_reported_on_its_line() -> None:
    """Each planted mistake is an error on its own line, and no other line is one."""
    lines = (HERE / "wrong.py").read_text().splitlines()
    planted = {
        ("wrong", number, match[1])
        for number, line in enumerate(lines, 1)
        if (match := re.search(r"# error: ([a-z-]+)$", line))
    }
    assert len(planted) > 20
    assert {error for error in errors() if error[0] == "wrong"} == planted
