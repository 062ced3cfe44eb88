"""How Temporal and the database are reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError

from errors import SettingsError
from settings import Settings
from storage.database import Database
from storage.migrate import migrate
from tracing import interceptors


async def connect(settings: Settings, *, embedded: str | None = None, **options: Any) -> Client:
    """A Temporal client. Address, namespace, TLS and API key come from TEMPORAL_* or a profile in temporal.toml.

    `embedded` is the address of a server of our own, which needs none of these. Raises SettingsError, naming the
    address, where nothing answers within ten seconds.
    """
    config: dict[str, Any] = {"target_host": embedded} if embedded else _configured()
    config.setdefault("target_host", f"{settings.host}:{settings.temporal_port}")
    config["runtime"] = _telling(settings.temporal_metrics)
    config["interceptors"] = interceptors()
    try:
        # Not wait_for: on Python 3.11 it loses a cancel, such as Ctrl-C's, that comes with the answer.
        async with asyncio.timeout(10):
            return await Client.connect(**{**config, **options})
    except (RPCError, RuntimeError, TimeoutError, ValueError) as error:
        raise SettingsError(
            f"Temporal does not answer at {config['target_host']} ({type(error).__name__}). "
            "Start it with `python starter.py run`, or set TEMPORAL_ADDRESS to your cluster's."
        ) from None


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database, with its tables, closed at the end; SettingsError where it cannot be opened."""
    if not settings.database:
        settings.home()
    database = Database(settings.database_url)
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()


@cache
def _telling(address: str) -> Runtime:
    """The SDK's core, with its metrics at that address if there is one; one for the process, since a port can be had once.

    What it logs comes out with our own lines, without its fields: they hold texts of errors.
    """
    forwarded = LogForwardingConfig(
        logging.getLogger("temporalio.core"), prepend_target_on_message=False, append_log_fields_to_message=False
    )
    metrics = PrometheusConfig(bind_address=address) if address else None
    told = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarded)
    try:
        return Runtime(telemetry=TelemetryConfig(logging=told, metrics=metrics))
    except (RuntimeError, ValueError):
        raise SettingsError(
            f"JOURNEYMAN_TEMPORAL_METRICS: {address} cannot be listened on; expected a free address such as 0.0.0.0:9465."
        ) from None


def _configured() -> dict[str, Any]:
    try:
        return {**ClientConfig.load_client_connect_config()}
    except (RuntimeError, ValueError, OSError) as error:
        raise SettingsError(
            f"Temporal's configuration cannot be read: {error}. Check TEMPORAL_CONFIG_FILE and TEMPORAL_PROFILE."
        ) from None
