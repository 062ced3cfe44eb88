"""How an address is remembered by those who must not know it."""

from __future__ import annotations

import hashlib
import hmac


class Addresses:
    """Hashes addresses under the installation's secret (HMAC-SHA-256), so that nobody can look one up by guessing."""

    def __init__(self, secret: str) -> None:
        self._secret = b"address:" + secret.encode()

    def hash(self, channel: str, address: str) -> str:
        """64 hexadecimal digits; the same for an email address however its letters are cased."""
        plain = address.strip().lower() if channel == "email" else address
        return hmac.new(self._secret, f"{channel}:{plain}".encode(), hashlib.sha256).hexdigest()
