"""An installation in production order for the doctor to look at, and the world around it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]
from rich.console import Console

from context.make_demo_city import BERLIN
from doctor import examine, plain, table
from doctor_finding import Finding
from settings import Settings
from tests.doubles.google import Google, Reply, reply
from tests.doubles.listening import Request

KEY = "SG.a-key-that-nobody-may-see"
SECRETS = (KEY, "write-key-that-nobody-may-see", "secret-that-nobody-may-see", "token-that-nobody-may-see", "hunter2")
PUBLIC = "go.shop.example"


class World:
    """SendGrid, Google and the way from outside to our front door, behind one proxy."""

    def __init__(self, google: Google, front_door: int) -> None:
        self.google = google
        self.front_door = f"http://127.0.0.1:{front_door}"
        self.answers: dict[str, Reply | None] = {}
        """By path, instead of what a healthy account answers; None cuts the connection."""
        google.hosts |= {"api.sendgrid.com": self._sendgrid, PUBLIC: self._proxy}

    async def _sendgrid(self, request: Request) -> Reply | None:
        if request.headers["authorization"] != f"Bearer {KEY}":
            return reply(401, {"errors": [{"message": "authorization required"}]})
        healthy = {
            "/v3/scopes": reply(200, {"scopes": ["mail.send", "sender_verification_eligible"]}),
            "/v3/verified_senders": reply(200, {"results": [{"from_email": "hello@else.example", "verified": True}]}),
            "/v3/whitelabel/domains": reply(200, [{"domain": "shop.example", "valid": True}]),
        }
        return (healthy | self.answers)[request.path]

    async def _proxy(self, request: Request) -> Reply | None:
        if request.path in self.answers:
            return self.answers[request.path]
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.request(request.method, self.front_door + request.path, content=request.body)
        return reply(answer.status_code, answer.text)


@dataclass(frozen=True)
class Installation:
    """Everything in production order; `settings` are those of its processes."""

    settings: Settings
    variables: dict[str, str]


def environment(google: Google, folder: Path) -> dict[str, str]:
    """The way to the world, also for httpx."""
    known = google.environment(folder)
    return known | {"SSL_CERT_FILE": known["REQUESTS_CA_BUNDLE"]}


def cities(path: Path, kind: str = "GeoLite2-City", age: timedelta = timedelta(0)) -> Path:
    """A small city database of that age."""
    writer = MMDBWriter(ip_version=4, database_type=kind)
    writer.insert_network(IPSet(["192.0.2.0/24"]), BERLIN)
    with pytest.MonkeyPatch.context() as clock:
        built = time.time() - age.total_seconds()
        clock.setattr(time, "time", lambda: built)
        writer.to_db_file(str(path))
    return path


async def seen(settings: Settings, **changes: Any) -> dict[str, list[Finding]]:
    """What the doctor finds, by check; nothing secret is ever in it."""
    findings = await examine(lambda: settings.model_copy(update=changes))
    console = Console(width=200)
    with console.capture() as shown:
        console.print(table(findings))
    told = json.dumps(plain(findings), ensure_ascii=False) + shown.get()
    assert not [secret for secret in SECRETS if secret in told]
    assert "PRIVATE KEY" not in told
    assert all(bool(finding.todo) == (finding.mark != "well") for finding in findings)
    by_check: dict[str, list[Finding]] = {}
    for finding in findings:
        by_check.setdefault(finding.check, []).append(finding)
    return by_check


async def only(settings: Settings, check: str, mark: str, **changes: Any) -> str:
    """What is found wrong, and what to do, where that one check has that mark and nothing else but the honest line has."""
    found = await seen(settings, **changes)
    odd = {(each.check, each.mark) for all_of in found.values() for each in all_of if each.mark != "well"}
    assert odd - {("Sender's domain", "warning")} == {(check, mark)}
    (finding,) = (each for each in found[check] if each.mark == mark)
    return f"{finding.found} {finding.todo}"
