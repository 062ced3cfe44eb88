"""What each of Firebase's answers means."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import requests
from google.auth.exceptions import GoogleAuthError, RefreshError

from errors import AddressGone, InDoubt, NeverSent, ProviderError, Refused, TryLater

from .sendgrid import wait_asked

MENDING = timedelta(minutes=5)
"""Between attempts while an operator has something to mend."""
FIELD = re.compile(r"message(\.(android|apns|webpush|notification|data|fcm_options|headers|payload|ttl|title|body))*")
"""The fields that an error may name: those of the messages we build. Anything else may quote the message."""


def refusal(response: requests.Response) -> ProviderError:
    """What an HTTP error status means; the text names the status and the field, nothing of the message."""
    status, error = response.status_code, Answer(response.content)
    said = f"Firebase answered {status}"
    if status == 429:
        # Firebase's documentation: at least a minute where Retry-After does not say; that is what wait_asked makes of it.
        return TryLater(f"{said}: over its quota", wait_asked(response.headers, time.time()))
    if status == 503:
        # It has come for messages that were delivered (firebase-admin-node, issue 1248); a second copy takes the place of
        # the first, and an outage must not lose what it would let through later.
        return TryLater(f"{said}: it is not available just now", wait_asked(response.headers, time.time()))
    if error.code == "UNREGISTERED" or (status == 404 and error.status == "NOT_FOUND"):
        return AddressGone(f"{said}: the push address is not registered any more")
    if status == 400 and error.blames_address:
        return AddressGone(f"{said}: the push address is none of Firebase's")
    if error.code == "SENDER_ID_MISMATCH":
        # Not AddressGone: with another project's key in place every address answers so, and none would be left when
        # the right key is back.
        return Refused(f"{said}: the push address belongs to another Firebase project than FIREBASE_CREDENTIALS")
    if error.code in ("THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"):
        return TryLater(f"{said}: upload a valid APNs key, or web push key, in the Firebase console", MENDING)
    if status in (401, 403):
        return TryLater(
            f"{said}: check FIREBASE_CREDENTIALS, the service account's right to send, and that the project's "
            "Firebase Cloud Messaging API is switched on",
            MENDING,
        )
    # 408 comes from something in between that gave up: what became of the call is not known.
    if status == 408 or not 400 <= status < 500:
        return InDoubt(f"{said}: it may have accepted the message")
    if not error.status:
        return TryLater(f"Something that is not Firebase answered {status}: check the proxy", MENDING)
    return Refused(said + (f" for the field {error.field}" if error.field else ""))


def unsigned(error: GoogleAuthError) -> ProviderError:
    """What a failed sign-in means: the message has not left in any case."""
    if not isinstance(error, RefreshError) or error.retryable:
        return NeverSent(f"Signing in to Google failed: {type(error).__name__}")
    details = error.args[1] if len(error.args) > 1 else None
    code = details.get("error") if isinstance(details, dict) else None
    known = f" ({code})" if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""
    return TryLater(
        f"Google did not let the service account sign in{known}: check this machine's clock, or make a new key for "
        "FIREBASE_CREDENTIALS",
        MENDING,
    )


class Answer:
    """What the body of an error says: `status` is Google's word, `code` Firebase's own; both empty where there is none."""

    def __init__(self, body: bytes) -> None:
        error = _object(_json(body), "error")
        details = error.get("details")
        parts = [part for part in details if isinstance(part, dict)] if isinstance(details, list) else []
        self.status = _text(error, "status")
        self.code = next((_text(part, "errorCode") for part in parts if _text(part, "@type").endswith(".FcmError")), "")
        fields = [_text(each, "field") for part in parts for each in _list(part, "fieldViolations")]
        self.field = next((name for name in fields if FIELD.fullmatch(name)), None)
        # Where no field is named, only its words tell a wrong address from, say, too long a text.
        self.blames_address = not {"message.token", "message.fid"}.isdisjoint(fields) or (
            not fields and bool(re.search("registration token|installation id", _text(error, "message"), re.IGNORECASE))
        )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _object(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""
