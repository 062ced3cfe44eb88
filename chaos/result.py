"""What a finished run leaves behind, to be read by people and by a resumed programme."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from .evidence import Evidence, Tally, check
from .play import Kind, Play


class Bar(BaseModel):
    """One bar of a picture."""

    label: str
    value: int


class Part(BaseModel):
    """One of the checked loads of a scenario."""

    name: str
    asked: int
    reached: int
    unit: str
    faults: dict[str, int]
    tally: Tally

    @classmethod
    def of(cls, name: str, evidence: Evidence, *, asked: int, reached: int, unit: str) -> Part:
        """Check the evidence; of nothing there is none."""
        tally = check(evidence)
        if not reached:
            tally.problems.append("nothing was begun: give it more minutes")
        return cls(name=name, asked=asked, reached=reached, unit=unit, faults=dict(evidence.faults), tally=tally)


class Result(BaseModel):
    """A scenario on a database, with the seed that repeats it."""

    scenario: str
    title: str
    database: Kind
    seed: int
    size: float
    seconds: float = 0.0
    parts: list[Part] = []
    problems: list[str] = []
    """What is wrong with the run as a whole: it broke, or a comparison showed nothing."""
    notes: list[str] = []
    """What was compressed or left out, and figures worth knowing."""
    bars: list[Bar] = []
    caption: str = ""

    @property
    def holds(self) -> bool:
        return not self.problems and bool(self.parts) and all(part.tally.holds for part in self.parts)

    def write(self, folder: Path) -> None:
        """Keep it for `--resume`."""
        folder.mkdir(parents=True, exist_ok=True)
        file_of(folder, self.scenario, self.database).write_text(self.model_dump_json(indent=2))


def file_of(folder: Path, scenario: str, database: Kind) -> Path:
    """Where the result of that run is kept."""
    return folder / f"{scenario}-{database}.json"


def kept(folder: Path, scenario: str, play: Play) -> Result | None:
    """The result of an earlier, finished run of the same seed and size; None if there is none, or if it failed."""
    path = file_of(folder, scenario, play.database)
    if not path.exists():
        return None
    result = Result.model_validate_json(path.read_text())
    return result if result.holds and (result.seed, result.size) == (play.seed, play.size) else None
