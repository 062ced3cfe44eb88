"""SendGrid's signature, by the example that its own libraries are tested with."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from errors import SettingsError
from ingestion.signature import WebhookKey

KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6w"
    "EA3F+g=="
)
SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
TIMESTAMP = "1600112502"
ELEMENT = {
    "email": "hello@world.com",
    "event": "dropped",
    "reason": "Bounced Address",
    "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
    "timestamp": 1600112492,
}
BODY = json.dumps([ELEMENT], separators=(",", ":")).encode() + b"\r\n"


def test_their_example() -> None:
    """What SendGrid has signed is believed, byte for byte and with its timestamp only."""
    key = WebhookKey(KEY)
    assert key.signed(SIGNATURE, TIMESTAMP, BODY)
    assert not key.signed(SIGNATURE, TIMESTAMP, BODY.rstrip())
    assert not key.signed(SIGNATURE, "1600112503", BODY)
    assert not key.signed(SIGNATURE[:-4], TIMESTAMP, BODY)


def test_as_copied() -> None:
    """Blanks and line breaks that come along when the key is copied do no harm."""
    assert WebhookKey(f"  {KEY[:64]}\n{KEY[64:]}\n").signed(SIGNATURE, TIMESTAMP, BODY)


def test_another_kind_of_key() -> None:
    """A key of another kind is refused when it is read, not when the first webhook comes."""
    other = rsa.generate_private_key(65537, 2048).public_key()
    text = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(SettingsError, match="SENDGRID_WEBHOOK_KEY"):
        WebhookKey(text.hex())
