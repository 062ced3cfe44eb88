"""What the doctor says of an installation that is well, of one that is new, and how the command ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doctor import examine, is_well
from errors import SettingsError
from settings import Settings
from tests.doctoring import SECRETS, Installation, World, environment, seen
from tests.programs import Place, command
from tests.servers import free_port

pytestmark = pytest.mark.server


async def test_all_well(settings: Settings) -> None:
    """A whole installation is well, and the one thing that cannot be known from here is said."""
    found = await seen(settings)
    assert [each for all_of in found.values() for each in all_of if each.mark == "broken"] == []
    assert list(found) == [
        *(
            "Settings",
            "Database",
            "Events",
            "Temporal",
            "Search attribute",
            "Worker",
            "Journeys",
            "Write keys",
            "Secret",
        ),
        *("Public address", "Front door", "SendGrid's webhooks", "SendGrid", "Sender", "Sender's domain", "Firebase"),
        *("Webhooks", "Shop", "City database", "Stores"),
    ]
    odd = [each for all_of in found.values() for each in all_of if each.mark == "warning"]
    assert [each.check for each in odd] == ["Sender's domain"]
    assert "DNS" in odd[0].found
    assert "keeps ended runs for 90 days" in found["Temporal"][0].found
    assert "shop-double" in found["Firebase"][0].found


async def test_out_of_the_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything was started only that is broken; nothing is made, and nobody is asked for a provider."""
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "data"
    found = await seen(Settings(data_dir=home, temporal_port=free_port(), port=free_port()))
    odd = {(each.check, each.mark) for all_of in found.values() for each in all_of if each.mark != "well"}
    assert odd == {
        ("Temporal", "broken"), ("Database", "warning"), ("Front door", "warning"), ("City database", "warning"),
    }  # fmt: skip
    assert not home.exists()


async def test_settings() -> None:
    """Settings that cannot be read are the only thing that is said."""

    def wrong() -> Settings:
        raise SettingsError("JOURNEYMAN_PORT: it is none.")

    (finding,) = await examine(wrong)
    assert (finding.check, finding.mark) == ("Settings", "broken")
    assert "JOURNEYMAN_PORT" in finding.found
    assert not is_well([finding])


async def test_command(installation: Installation, world: World, tmp_path: Path) -> None:
    """`doctor` ends with 0 where all is well and with 1 where something is broken, as a table or as JSON."""
    key_file = str(world.google.key_file(tmp_path))
    outside = environment(world.google, tmp_path)
    place = Place(tmp_path / "unused", **installation.variables, **outside, FIREBASE_CREDENTIALS=key_file)
    whole = await command(place, "starter.py", "doctor")
    assert (whole.code, whole.err) == (0, "")
    assert "Nothing is in the way." in whole.out
    assert "✓" in whole.out
    broken = await command(place, "starter.py", "doctor", "--json", JOURNEYMAN_TASK_QUEUE="nobodys")
    assert broken.code == 1
    told = json.loads(broken.out)
    assert told["well"] is False
    assert [check["check"] for check in told["checks"] if check["mark"] == "broken"] == ["Worker"]
    unread = await command(place, "starter.py", "doctor", JOURNEYMAN_PORT="http")
    assert unread.code == 1
    assert "JOURNEYMAN_PORT" in unread.out
    assert not [secret for secret in SECRETS if secret in whole.out + broken.out + broken.err + unread.out + unread.err]
