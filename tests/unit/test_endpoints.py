"""Which addresses and secrets of webhooks are taken, and how the others are refused."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from activities.channels.endpoints import read_endpoints
from errors import JourneymanError, SettingsError
from settings import Settings
from worker import check_endpoints
from workflows.catalogue import Catalogue

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
UNPADDED = SECRET.rstrip("=")


@pytest.mark.parametrize("secret", [SECRET, UNPADDED])
@pytest.mark.parametrize("body", [b"{}", json.dumps({"name": "Zoë"}).encode()])
def test_signature(secret: str, body: bytes) -> None:
    """A receiver with the standard's own library takes what we sign."""
    endpoint = read_endpoints("crm=https://crm.example.com", secret)["crm"]
    headers = endpoint.headers("key-1", datetime.now(UTC), body)
    assert Webhook(secret).verify(body, headers) == json.loads(body)


@pytest.mark.parametrize(
    "address",
    [
        *("https://crm.example.com/hooks?token=x", "https://crm.example.com:8443", "https://any:key@crm.example.com/"),
        *("http://localhost:9000/hooks", "http://127.0.0.1:9000", "http://[::1]:9000/", "https://[2001:db8::1]/"),
    ],
)
def test_taken(address: str) -> None:
    """Whole https addresses are taken, and http ones on this machine."""
    assert read_endpoints(f" crm = {address} ;", SECRET)["crm"].url == address


@pytest.mark.parametrize(
    "address",
    [
        *("http://crm.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1/", "http://localhost.example.com"),
        *("crm.example.com", "https://", "ftp://crm.example.com", "file:///etc/passwd", "https://crm.example.com/#x"),
        *(
            "https://crm.example.com:99999",
            "https://crm.example.com/a b",
            "https://crm.example.com/ä",
            "https://[::1",
            "",
        ),
    ],
)
def test_not_taken(address: str) -> None:
    """Any other address is refused by the endpoint's name, without being repeated."""
    with pytest.raises(SettingsError, match="JOURNEYMAN_WEBHOOKS: the address of crm") as refused:
        read_endpoints(f"crm={address}", SECRET)
    assert "example.com" not in str(refused.value)


@pytest.mark.parametrize(
    ("addresses", "secrets", "says"),
    [
        ("https://crm.example.com", SECRET, "expected name=address"),
        ("CRM=https://crm.example.com", SECRET, "expected name=address"),
        ("crm=https://a.example;crm=https://b.example", SECRET, "names crm twice"),
        ("crm=https://a.example", "", "JOURNEYMAN_WEBHOOK_SECRET holds no secret for crm"),
        ("crm=https://a.example;ads=https://b.example", f"crm={SECRET}", "holds no secret for ads"),
        ("crm=https://a.example", f"ads={SECRET}", "does not name"),
        ("crm=https://a.example", "hunter2", "expected whsec_"),
        ("crm=https://a.example", "whsec_hunter2hunter2", "24 to 64 bytes"),
        ("crm=https://a.example", "whsec_" + "hunter2!" * 5, "24 to 64 bytes"),
        ("crm=https://a.example", "whsec_" + b64encode(b"hunter2" * 10).decode(), "24 to 64 bytes"),
    ],
)
def test_refused(addresses: str, secrets: str, says: str) -> None:
    """What cannot be right is named by its variable; no secret is repeated."""
    with pytest.raises(SettingsError, match="JOURNEYMAN_WEBHOOK") as refused:
        read_endpoints(addresses, secrets)
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert SECRET[6:20] not in str(refused.value)


def test_none() -> None:
    """Without any address there is no endpoint, and a secret alone does no harm."""
    assert read_endpoints("", "") == {}
    assert read_endpoints("", SECRET) == {}


def test_read_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address stops the start."""
    monkeypatch.setenv("JOURNEYMAN_WEBHOOKS", "crm=http://crm.example.com")
    with pytest.raises(SettingsError, match="the address of crm"):
        Settings.read()


def test_a_journey_calls_nobody() -> None:
    """A journey that calls an endpoint without an address is refused before anyone enters it; where none is set, calls stay here."""
    catalogue = Catalogue.load()
    check_endpoints(catalogue, {})
    check_endpoints(catalogue, read_endpoints("crm=https://a.example", SECRET))
    with pytest.raises(JourneymanError) as refused:
        check_endpoints(catalogue, read_endpoints("ads=https://a.example", SECRET))
    assert str(refused.value) == (
        'journeys/tagger.py calls webhook("crm/tagged"), and JOURNEYMAN_WEBHOOKS names no endpoint crm: '
        "add crm=https://… to it."
    )
