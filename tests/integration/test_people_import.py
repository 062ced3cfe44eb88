"""Files of people: taken once, gone on with, and what is wrong with a row is said without saying who it is."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest
from rich.console import Console

from errors import SettingsError
from people import bring
from settings import Settings
from storage.tables import people
from tests.door import Door, opened_door, said
from tests.programs import Place, command

CSV = """userId,email,firstName,plan,timestamp
u-1,ada@example.com,Ada,pro,2026-03-01T09:30:00Z
u-2,bob@example.com,,free,
,eve@example.com,Eve,free,
u-4,cyd@example.com,Cyd,free,yesterday
u-5,too@example.com,Too,many,,cells
"""


async def brought(door: Door, file: Path, *, dry_run: bool = False) -> str:
    """What the command says."""
    settings = Settings(database=door.database.url, data_dir=file.parent, secret="test secret")
    return await bring(settings, file, dry_run=dry_run, console=Console(quiet=True))


async def traits(door: Door) -> dict[str, dict[str, object]]:
    return {row.user_id: row.traits for row in await door.rows(people)}


async def test_csv(database_url: str, tmp_path: Path) -> None:
    """Columns become traits, an empty cell says nothing, and a second import of the same file changes nothing that newer
    events have changed.

    Killed by: making the id of a row by chance in message_of, or keeping empty cells in _csv_rows.
    """
    file = tmp_path / "crm.csv"
    file.write_text("\ufeff" + CSV, encoding="utf-8")
    async with opened_door(database_url) as door:
        before = await door.everything()
        assert "Nothing was changed" in await brought(door, file, dry_run=True)
        assert await door.everything() == before
        assert not (tmp_path / "crm.rejected.csv").exists()
        account = await brought(door, file)
        assert [line.split()[0] for line in account.splitlines()] == ["2", "0", "3"]
        assert await traits(door) == {
            "u-1": {"email": "ada@example.com", "firstName": "Ada", "plan": "pro"},
            "u-2": {"email": "bob@example.com", "plan": "free"},
        }
        await door.take(said("u-1", "Identified", traits={"plan": "gold"}))
        account = await brought(door, file)
        assert [line.split()[0] for line in account.splitlines()] == ["0", "2", "3"]
        assert (await traits(door))["u-1"]["plan"] == "gold"
        # The same row again, with a later time at which it was true, is news.
        file.write_text(CSV.replace("2026-03-01", "2026-03-02"), encoding="utf-8")
        await brought(door, file)
        assert (await traits(door))["u-1"]["plan"] == "pro"


async def test_rejected(tmp_path: Path) -> None:
    """Rows that cannot be taken stand in a file that only its owner reads, with the reason; mended there it can be imported.

    Killed by: leaving the columns out of Rejects, or taking REJECTED for a trait in message_of.
    """
    file, rejects = tmp_path / "crm.csv", tmp_path / "crm.rejected.csv"
    file.write_text(CSV, encoding="utf-8")
    async with opened_door(f"sqlite:///{tmp_path / 'journeyman.db'}") as door:
        await brought(door, file)
        with rejects.open(newline="") as opened:
            rows = list(csv.DictReader(opened))
        assert [row["rejected_because"] for row in rows] == [
            "userId: it is empty.",
            "timestamp: not a date; use ISO 8601, such as 2026-03-01T09:30:00Z.",
            "It has more cells than there are columns.",
        ]
        assert [row["email"] for row in rows] == ["eve@example.com", "cyd@example.com", "too@example.com"]
        assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
        rejects.write_text(rejects.read_text().replace("yesterday", "2026-03-01"))
        await brought(door, rejects)
        assert (await traits(door))["u-4"] == {"email": "cyd@example.com", "firstName": "Cyd", "plan": "free"}


async def test_jsonl(tmp_path: Path) -> None:
    """Traits of any kind come from JSON, and a line that is none harms no other.

    Killed by: letting json.loads raise in _json_rows.
    """
    file = tmp_path / "crm.jsonl"
    lines = [
        json.dumps({"userId": "u-1", "vip": True, "address": {"country": "DE"}}),
        "{",
        "[]",
        "",
        '{"userId": "\\ud800"}',
    ]
    file.write_bytes("\n".join([*lines, '{"userId": "u-2", "email": "']).encode() + b'\xff"}\n')
    async with opened_door(f"sqlite:///{tmp_path / 'journeyman.db'}") as door:
        account = await brought(door, file)
        assert [line.split()[0] for line in account.splitlines()] == ["1", "0", "4"]
        assert await traits(door) == {"u-1": {"vip": True, "address": {"country": "DE"}}}
    assert len((tmp_path / "crm.rejected.jsonl").read_text().splitlines()) == 4


async def test_the_terminal_names_nobody(tmp_path: Path) -> None:
    """What the command prints, of good rows and bad, holds nothing of anybody.

    Killed by: printing the row of a rejection.
    """
    file = tmp_path / "crm.csv"
    file.write_text(CSV, encoding="utf-8")
    answer = await command(Place(tmp_path), "starter.py", "people", "import", str(file))
    assert (answer.code, answer.err) == (0, "")
    assert "3  rejected, see crm.rejected.csv" in answer.out
    for word in ("example.com", "Ada", "Eve", "u-1", "yesterday"):
        assert word not in answer.out


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("crm.csv", "ada@example.com,Ada\n", "the first line names the columns"),
        ("crm.csv", "", "the first line names the columns"),
        ("crm.xls", "", "ends in .csv or .jsonl"),
        ("gone.csv", None, "cannot be read"),
    ],
)
async def test_no_file_of_people(tmp_path: Path, name: str, text: str | None, expected: str) -> None:
    """A file that is none of people is refused, and what stands in it is not repeated.

    Killed by: naming the columns found in _csv_rows.
    """
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=expected) as refused:
        await bring(Settings(data_dir=tmp_path), tmp_path / name, dry_run=False, console=Console(quiet=True))
    assert "ada" not in str(refused.value)
