"""Whether a webhook really comes from our SendGrid account."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from errors import SettingsError


class WebhookKey:
    """The verification key of SendGrid's signed Event Webhook; takes it as the dashboard shows it, in base64."""

    def __init__(self, text: str) -> None:
        try:
            key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise SettingsError(
                "SENDGRID_WEBHOOK_KEY cannot be read: copy the Verification Key of SendGrid's Event Webhook, "
                "which begins with MFkw, without the lines around it."
            )
        self._key = key

    def signed(self, signature: str, timestamp: str, body: bytes) -> bool:
        """Whether this is the account's signature (ECDSA, SHA-256) over the timestamp and the raw body."""
        try:
            given = base64.b64decode(signature, validate=True)
            self._key.verify(given, timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True
