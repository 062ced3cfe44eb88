"""What a process holds: its own memory and its open files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Holding:
    """At one moment; memory in bytes."""

    memory: int
    files: int

    @classmethod
    def of(cls, pid: int) -> Holding:
        """That of this process, now. Memory is what no other process shares."""
        process = psutil.Process(pid)
        return cls(process.memory_full_info().uss, process.num_fds())

    def __str__(self) -> str:
        return f"{self.memory / 1024 / 1024:.0f} MB and {self.files} files"


def more(before: Holding, after: Holding, *, memory: int, files: int) -> list[str]:
    """What has grown by more than is allowed."""
    found = []
    if after.memory - before.memory > memory:
        found.append(f"the front door's memory has grown: {before}, then {after}")
    if after.files - before.files > files:
        found.append(f"the front door's open files have grown: {before}, then {after}")
    return found


def said(log: Path, canaries: tuple[bytes, ...]) -> list[str]:
    """What a log holds that may never be there: something personal, or an error that nobody expected."""
    found, errors = [], 0
    with log.open("rb") as lines:
        for line in lines:
            found += ["the log names somebody"] * any(canary in line for canary in canaries)
            if b'"level": "error"' in line or b'"level": "critical"' in line or line.startswith(b"Traceback"):
                errors += 1
                found += [f"the log tells of an error: {line[:300]!r}"] * (errors <= 10)
    return sorted(set(found))
