"""One whole installation for all tests of a file about the doctor, and a world of its own for each."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connect import connect, opened
from service import receiving, serving
from settings import ROOT, Settings
from stack import TemporalServer
from tests.doctoring import KEY, PUBLIC, Installation, World, cities, environment
from tests.doubles.google import Google
from tests.servers import free_port
from worker import sender_of, worker_of
from workflows.catalogue import Catalogue


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def installation(
    temporal: TemporalServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """Database, worker, relay and front door, as they run for real people."""
    home = tmp_path_factory.mktemp("installation")
    stores = home / "shops.csv"
    stores.write_bytes((ROOT / "context" / "data" / "stores.csv").read_bytes())
    verification = ec.generate_private_key(ec.SECP256R1()).public_key()
    verification_key = base64.b64encode(verification.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    variables = {
        "JOURNEYMAN_DATA_DIR": str(home),
        "JOURNEYMAN_PORT": str(free_port()),
        "JOURNEYMAN_TEMPORAL_PORT": str(temporal.port),
        "JOURNEYMAN_TASK_QUEUE": f"journeys-{home.name}",
        "JOURNEYMAN_PUBLIC_URL": f"https://{PUBLIC}",
        "JOURNEYMAN_WRITE_KEYS": "write-key-that-nobody-may-see",
        "JOURNEYMAN_SECRET": "secret-that-nobody-may-see",
        "JOURNEYMAN_STORES": str(stores),
        "JOURNEYMAN_SENDER": "hello@mail.shop.example",
        "JOURNEYMAN_SENDER_NAME": "The Shop",
        "JOURNEYMAN_SHOP_NAME": "The Shop",
        "JOURNEYMAN_SHOP_URL": "https://shop.example",
        "JOURNEYMAN_POSTAL_ADDRESS": "Hafenstraße 1, 20457 Hamburg",
        "JOURNEYMAN_WEBHOOKS": "crm=https://crm.example/token-that-nobody-may-see",
        "JOURNEYMAN_WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"secret-that-nobody-may-see").decode(),
        "SENDGRID_API_KEY": KEY,
        "SENDGRID_WEBHOOK_KEY": verification_key.decode(),
        "GEOIP_DB": str(cities(home / "cities.mmdb")),
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        settings = Settings.read()
    catalogue = Catalogue.load()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(settings))
        client = await connect(settings, embedded=temporal.address)
        await stack.enter_async_context(worker_of(client, settings, sender_of(settings, database, catalogue, {})))
        service = await stack.enter_async_context(receiving(settings, database, client, catalogue))
        await stack.enter_async_context(serving(service))
        yield Installation(settings, variables)


@pytest.fixture
async def world(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The world outside, for as long as one test; this process is led to it."""
    async with Google() as google:
        for name, value in environment(google, tmp_path).items():
            monkeypatch.setenv(name, value)
        for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        yield World(google, installation.settings.port)


@pytest.fixture
def settings(installation: Installation, world: World, tmp_path: Path) -> Settings:
    """Those of the installation, with a Firebase account."""
    return installation.settings.model_copy(update={"firebase_credentials": str(world.google.key_file(tmp_path))})
