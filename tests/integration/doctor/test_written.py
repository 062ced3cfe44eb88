"""What the doctor says of journeys, keys, addresses and files that do not fit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import doctor_settings
import journeys
from settings import ROOT, Settings
from tests.doctoring import cities, only, seen

pytestmark = pytest.mark.server


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the templates, in which one is wrong."""
    folder = tmp_path / "templates"
    for file in (ROOT / "templates").rglob("*.liquid"):
        copy = folder / file.relative_to(ROOT / "templates")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(doctor_settings, "ROOT", tmp_path)
    return folder


async def test_templates(settings: Settings, templates: Path) -> None:
    """A template that cannot be loaded, or is not there for its journey, is named."""
    (templates / "push" / "cart" / "still_here.de.liquid").write_text("---\ntitel: Hallo\n---\n")
    assert "push/cart/still_here.de.liquid" in await only(settings, "Templates", "broken")
    for file in (templates / "push" / "cart").iterdir():
        file.unlink()
    assert "journeys/cart_abandonment.py" in await only(settings, "Journeys", "broken")


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where an author saves a journey that is named `saved`."""
    folder = tmp_path / "journeys"
    folder.mkdir()
    monkeypatch.setattr(journeys, "__path__", [*journeys.__path__, str(folder)])
    yield folder / "saved.py"
    sys.modules.pop("journeys.saved", None)
    journeys.__dict__.pop("saved", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [("x = 1", "holds no journey named saved"), ("import nothing_such", "nothing_such"), ("def", "SyntaxError")],
)
async def test_journeys(settings: Settings, author: Path, text: str, says: str) -> None:
    """A journey that cannot be loaded is told, whatever its file raises."""
    author.write_text(text)  # noqa: ASYNC240  a few bytes
    assert says in await only(settings, "Journeys", "broken")


async def test_endpoints(settings: Settings) -> None:
    """A journey that calls an endpoint without an address is named."""
    other = settings.webhooks.__class__("ads=https://ads.example/token-that-nobody-may-see")
    assert "names no endpoint crm" in await only(settings, "Journeys", "broken", webhooks=other)


async def test_made_up(settings: Settings, tmp_path: Path) -> None:
    """Keys that were made up are named where people come from outside, and left alone."""
    url = settings.database_url
    found = await seen(settings, write_keys="", secret=settings.secret.__class__(""), data_dir=tmp_path, database=url)
    assert [found[check][0].mark for check in ("Write keys", "Secret")] == ["warning", "warning"]
    assert "JOURNEYMAN_WRITE_KEYS" in found["Write keys"][0].todo
    assert "JOURNEYMAN_SECRET" in found["Secret"][0].todo
    assert not (tmp_path / "secret").exists()
    assert "longer" in await only(settings, "Secret", "warning", secret=settings.secret.__class__("hunter2"))


@pytest.mark.parametrize(
    ("url", "says"),
    [("", "this machine"), ("http://go.shop.example", "not https"), ("go.shop.example", "no whole address")],
)
async def test_public_address(settings: Settings, url: str, says: str) -> None:
    """An address that people's links cannot lead to is broken as soon as people are written to."""
    found = await seen(settings, public_url=url)
    (finding,) = found["Public address"]
    assert finding.mark == "broken"
    assert says in finding.found


@pytest.mark.parametrize(
    ("name", "mark"), [("postal_address", "broken"), ("shop_name", "warning"), ("shop_url", "warning")]
)
async def test_example_shop(settings: Settings, name: str, mark: str) -> None:
    """What is still the example's is named; the law's part of it is not let pass."""
    told = await only(settings, "Shop", mark, **{name: Settings.model_fields[name].default})
    assert f"JOURNEYMAN_{name.upper()}" in told


async def test_city_database(settings: Settings, tmp_path: Path) -> None:
    """A city database that is missing, broken, another one or old."""
    assert "documentation addresses" in await only(settings, "City database", "warning", geoip_db=None)
    path = tmp_path / "cities.mmdb"
    assert "FileNotFoundError" in await only(settings, "City database", "broken", geoip_db=path)
    path.write_text("no database")
    assert "InvalidDatabaseError" in await only(settings, "City database", "broken", geoip_db=path)
    cities(path, "GeoLite2-Country")
    assert "GeoLite2-Country" in await only(settings, "City database", "broken", geoip_db=path)
    cities(path, age=timedelta(days=90, hours=1))
    assert "90 days old" in await only(settings, "City database", "warning", geoip_db=path)


async def test_stores(settings: Settings, tmp_path: Path) -> None:
    """A file of stores that is wrong is named with its line; the example's is named once people are written to."""
    path = tmp_path / "stores.csv"
    path.write_text("id,name,latitude,longitude,country\ns-1,Shop,north,9,DE\n")
    assert "line 2" in await only(settings, "Stores", "broken", stores=path)
    shipped = Settings.model_fields["stores"].default
    assert "example's stores" in await only(settings, "Stores", "warning", stores=shipped)
