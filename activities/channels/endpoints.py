"""Which addresses a webhook may call, and how each call is signed so that the receiver knows it is ours."""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from errors import SettingsError

ADDRESSES, SECRETS = "JOURNEYMAN_WEBHOOKS", "JOURNEYMAN_WEBHOOK_SECRET"
PREFIX = "whsec_"


@dataclass(frozen=True)
class Endpoint:
    """One program that journeys may call; the address may hold its owner's own credentials."""

    name: str
    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)

    def headers(self, call_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """What stands above the body (Standard Webhooks): with two keys, two signatures, of which either is enough."""
        stamp = str(int(at.timestamp()))
        signed = f"{call_id}.{stamp}.".encode() + body
        signatures = [b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self.keys]
        return {
            "Content-Type": "application/json",
            "webhook-id": call_id,
            "webhook-timestamp": stamp,
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }


def endpoint_of(template: str) -> str:
    """The name of the endpoint that a message goes to: the first part of its template's name."""
    return template.partition("/")[0]


def read_endpoints(addresses: str, secrets: str) -> dict[str, Endpoint]:
    """The endpoints by name, from "crm=https://…;ads=https://…" and "whsec_…", or "crm=whsec_…;ads=whsec_…".

    A secret without a name signs for every endpoint that has none of its own. SettingsError says which part is wrong,
    and repeats neither an address nor a secret.
    """
    urls: dict[str, str] = {}
    for part in _parts(addresses):
        name, equals, url = (piece.strip() for piece in part.partition("="))
        if not equals or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise SettingsError(
                f"{ADDRESSES}: expected name=address, such as crm=https://crm.example.com/hooks, with ; between two of them."
            )
        if name in urls:
            raise SettingsError(f"{ADDRESSES} names {name} twice; keep one.")
        if not _may_be_called(url):
            raise SettingsError(
                f"{ADDRESSES}: the address of {name} must be a whole one with https, or http on this machine alone."
            )
        urls[name] = url
    keys = _keys(secrets, urls)
    unsigned = next((name for name in urls if not (keys.get(name) or keys.get(""))), None)
    if unsigned is not None:
        raise SettingsError(
            f"{SECRETS} holds no secret for {unsigned}: set it to {PREFIX} and then what `openssl rand -base64 32` prints."
        )
    return {name: Endpoint(name, url, tuple(keys.get(name) or keys[""])) for name, url in urls.items()}


def _keys(secrets: str, urls: dict[str, str]) -> dict[str, list[bytes]]:
    keys: dict[str, list[bytes]] = {}
    for part in _parts(secrets):
        name, _, secret = ("", "", part) if part.startswith(PREFIX) else part.partition("=")
        encoded = secret.strip().removeprefix(PREFIX)
        try:
            key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except ValueError:
            key = b""
        if not secret.strip().startswith(PREFIX) or not 24 <= len(key) <= 64:
            raise SettingsError(f"{SECRETS}: expected {PREFIX} and then 24 to 64 bytes in base64.")
        if name.strip() and name.strip() not in urls:
            raise SettingsError(f"{SECRETS} has a secret for an endpoint that {ADDRESSES} does not name.")
        keys.setdefault(name.strip(), []).append(key)
    return keys


def _may_be_called(address: str) -> bool:
    try:
        url = urlsplit(address)
        host, _ = url.hostname, url.port
    except ValueError:
        return False
    if not host or url.fragment or not re.fullmatch(r"[!-~]+", address):
        return False
    return url.scheme == "https" or (url.scheme == "http" and _is_here(host))


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]
