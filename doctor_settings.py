"""Whether what is written down fits together: journeys, templates, keys, addresses, files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from geoip2.database import Reader
from maxminddb import InvalidDatabaseError

from activities.rendering import Templates
from context.stores import read_stores
from doctor_finding import Finding, broken, warning, well
from errors import JourneymanError
from settings import ROOT, Settings
from worker import check_endpoints, check_templates
from workflows.catalogue import Catalogue

OLD = timedelta(days=60)
"""Networks move; GeoLite2 and DB-IP appear at least monthly."""
SHORT = 16
"""Characters that a secret should have at least."""


def sends(settings: Settings) -> bool:
    """Whether real people are written to."""
    return bool(settings.sendgrid_api_key.get_secret_value() or settings.firebase_credentials)


async def journeys(settings: Settings) -> AsyncIterator[Finding]:
    """Every template and journey loads, and each journey's messages are there."""
    try:
        templates = Templates(ROOT / "templates", shop=settings.shop)
    except JourneymanError as error:
        yield broken("Templates", str(error), "Mend the file; nothing is sent until then.")
        return
    try:
        catalogue = Catalogue.load()
        check_templates(catalogue, templates)
        check_endpoints(catalogue, settings.endpoints)
    except JourneymanError as error:
        yield broken("Journeys", str(error), "Mend the file; no worker starts until then.")
    except Exception as error:
        # Whatever an author's file raises when it is imported.
        yield broken("Journeys", f"one cannot be imported: {type(error).__name__}: {error}", "Mend the file.")
    else:
        yield well("Journeys", f"{len(list(catalogue))} load, and all their messages have templates")


async def keys(settings: Settings) -> AsyncIterator[Finding]:
    """Write keys and the secret: set, or made up in a place that only one machine has."""
    for check, name, value in (
        ("Write keys", "write-key", settings.write_keys),
        ("Secret", "secret", settings.secret.get_secret_value()),
    ):
        variable = f"JOURNEYMAN_{check.upper().replace(' ', '_')}"
        file = settings.data_dir / name
        if value.strip():
            short = check == "Secret" and len(value) < SHORT
            if short:
                yield warning(check, f"set, with fewer than {SHORT} characters", f"Set {variable} to a longer one.")
            else:
                yield well(check, "set")
        elif settings.public_url:
            yield warning(
                check, f"made up in {file}, where another machine would make up its own",
                f"Set {variable} in every process" + (f", to what {file} holds." if file.exists() else "."),
            )  # fmt: skip
        else:
            yield well(check, f"made up in {file}" if file.exists() else "made up at the first start")


async def public_url(settings: Settings) -> AsyncIterator[Finding]:
    """Where the links in messages lead."""
    if not settings.public_url:
        if sends(settings):
            yield broken(
                "Public address", f"links in messages lead to {settings.front_door}, this machine",
                "Set JOURNEYMAN_PUBLIC_URL to the front door's address as people reach it.",
            )  # fmt: skip
        else:
            yield well("Public address", "not set; nobody is written to")
        return
    parts = urlsplit(settings.public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield broken(
            "Public address", "JOURNEYMAN_PUBLIC_URL is no whole address", "Write it as https://go.example.com."
        )
    elif parts.scheme != "https" and sends(settings):
        yield broken(
            "Public address", "it is not https: mail programs warn of such links, or do not open them",
            "Put TLS in front of the front door, and write https:// in JOURNEYMAN_PUBLIC_URL.",
        )  # fmt: skip
    else:
        yield well("Public address", f"{parts.scheme}://{parts.hostname}")


async def shop(settings: Settings) -> AsyncIterator[Finding]:
    """Nothing of the example shop stands in real messages."""
    fields = type(settings).model_fields
    left = [
        f"JOURNEYMAN_{name.upper()}"
        for name in ("postal_address", "sender", "sender_name", "shop_name", "shop_url")
        if getattr(settings, name) == fields[name].default
    ]
    if not left or not sends(settings):
        yield well("Shop", f"{settings.shop_name}" if not left else "the example's; nobody is written to")
    elif "JOURNEYMAN_POSTAL_ADDRESS" in left:
        yield broken(
            "Shop", "emails show the example's postal address, where the law wants yours", f"Set {', '.join(left)}."
        )
    else:
        yield warning("Shop", "messages name the example shop", f"Set {', '.join(left)}.")


async def files(settings: Settings) -> AsyncIterator[Finding]:
    """The city database, with its age, and the stores."""
    yield _cities(settings.geoip_path, is_demo=settings.geoip_db is None)
    try:
        stores = read_stores(settings.stores)
    except JourneymanError as error:
        yield broken("Stores", str(error), "Mend the file, or JOURNEYMAN_STORES.")
        return
    if settings.stores == type(settings).model_fields["stores"].default and sends(settings):
        yield warning("Stores", "people are told of the example's stores", "Set JOURNEYMAN_STORES to a file of yours.")
    else:
        yield well("Stores", f"{len(stores)} in {settings.stores.name}")


def _cities(path: Path, *, is_demo: bool) -> Finding:
    if is_demo:
        return warning(
            "City database", "the demo's, which knows documentation addresses only",
            "Set GEOIP_DB to a GeoLite2 City or DB-IP City file.",
        )  # fmt: skip
    try:
        with Reader(path) as reader:
            told = reader.metadata()
    except (OSError, InvalidDatabaseError, ValueError) as error:
        return broken("City database", f"{path} cannot be read ({type(error).__name__})", "Correct GEOIP_DB.")
    if "City" not in told.database_type:
        return broken("City database", f"{path} is of the type {told.database_type}", "Set GEOIP_DB to a City file.")
    age = datetime.now(UTC) - datetime.fromtimestamp(told.build_epoch, UTC)
    found = f"{told.database_type}, {age.days} days old"
    if age > OLD:
        return warning("City database", found, "Fetch a newer one; it is taken without a restart.")
    return well("City database", found)
