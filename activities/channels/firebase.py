"""How a push notification reaches Firebase in time, or not at all."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

from errors import Refused, SettingsError
from messages import RenderedCard

from .envelope import Envelope
from .threads import Threads

NEEDED = ("project_id", "client_email", "private_key", "token_uri")
DOWNLOAD = "download one in the Firebase console, under Project settings, Service accounts."


class Firebase:
    """Push by Firebase Cloud Messaging's HTTP v1 API, through firebase-admin.

    `credentials` is the JSON key file of a service account, `icon` the address of the picture beside a web push. At
    most `threads` calls run at once; one that is not ready after half of `call_timeout` (seconds) is not begun, and no
    byte of a message leaves later than `call_timeout` after it was asked for.
    """

    name = "firebase"

    def __init__(self, credentials: Path, *, icon: str = "", threads: int = 16, call_timeout: float = 9.0) -> None:
        account = read_account(credentials)
        # Not at the top: only an installation that pushes should pay for the library.
        from .firebase_client import FirebaseClient

        self._client = FirebaseClient(account, icon=icon, threads=threads, call_timeout=call_timeout)
        self._threads = Threads("Firebase", threads, call_timeout)

    async def send(self, envelope: Envelope) -> str:
        """Hand it over within `call_timeout`; returns Firebase's name for the message, raises only ProviderErrors."""
        if not isinstance(envelope.rendered, RenderedCard):
            raise Refused(f"Firebase sends push notifications only; this is for the channel {envelope.channel}")
        if not envelope.address or envelope.address_kind not in ("token", "fid"):
            raise Refused("Firebase needs a push address that is a token or an fid")
        return await self._threads.call(partial(self._client.post, envelope, envelope.rendered))

    async def close(self) -> None:
        """Take no more, drop what waits, and wait for the calls that run."""
        await self._threads.close()
        # In a thread because the library closes by an event loop of its own.
        await asyncio.to_thread(self._client.close)


def read_account(path: Path) -> dict[str, str]:
    """The service account in a key file; SettingsError says what is wrong with it, and quotes nothing of it."""
    try:
        account = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"FIREBASE_CREDENTIALS: the file cannot be read ({error.strerror}); {DOWNLOAD}") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"FIREBASE_CREDENTIALS: the file is not JSON; {DOWNLOAD}") from None
    if not isinstance(account, dict) or account.get("type") != "service_account":
        raise SettingsError(f"FIREBASE_CREDENTIALS: the file is not the key of a service account; {DOWNLOAD}")
    for name in NEEDED:
        if not isinstance(account.get(name), str) or not account[name]:
            raise SettingsError(f"FIREBASE_CREDENTIALS: the file has no {name}; {DOWNLOAD}")
    return account
