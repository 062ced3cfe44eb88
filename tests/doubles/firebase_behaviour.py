"""What may become of one call to messages:send, in the words of Firebase's documentation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Behaviour:
    """What becomes of one well-formed call: is it accepted, and what is said about it."""

    name: str
    status: int | None
    """None: nothing is answered."""
    word: str = ""
    """google.rpc's word for the status; empty where something that is not Google answers."""
    code: str = ""
    """Firebase's own error code."""
    message: str = "as scripted"
    field: str = ""
    """What the error blames."""
    accepts: bool = False
    holds: bool = False
    """The connection stays open, without an answer, until the double is closed."""
    after: float = 0.0
    """Seconds between the acceptance and the answer."""
    retry_after: str = ""

    @property
    def body(self) -> Any:
        """The error as Firebase writes it."""
        if not self.word:
            return "<html>something in between</html>"
        details: list[dict[str, Any]] = []
        if self.code:
            details.append(
                {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": self.code},
            )
        if self.field:
            violation = {"field": self.field, "description": self.message}
            details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
        return {"error": {"code": self.status, "message": self.message, "status": self.word, "details": details}}


ACCEPT = Behaviour("accept", 200, accepts=True)
UNREGISTERED = Behaviour("unregistered", 404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found.")
NOT_FOUND = Behaviour("not_found", 404, "NOT_FOUND", message="Requested entity was not found.")
NO_TOKEN = Behaviour(
    "no_token",
    400,
    "INVALID_ARGUMENT",
    "INVALID_ARGUMENT",
    "The registration token is not a valid FCM registration token",
)
NO_FID = Behaviour("no_fid", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message.fid")
TOO_LARGE = Behaviour(
    "too_large", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Android message is too big", field="message.android"
)
MISMATCH = Behaviour("mismatch", 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch")
FORBIDDEN = Behaviour("forbidden", 403, "PERMISSION_DENIED")
UNAUTHORIZED = Behaviour("unauthorized", 401, "UNAUTHENTICATED")
NO_APNS_KEY = Behaviour("no_apns_key", 401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")
NOT_GOOGLE = Behaviour("not_google", 404)
SERVER_ERROR = Behaviour("server_error", 500, "INTERNAL", "INTERNAL")
UNAVAILABLE = Behaviour("unavailable", 503, "UNAVAILABLE", "UNAVAILABLE")
ERROR_AFTER_ACCEPT = replace(UNAVAILABLE, name="error_after_accept", accepts=True)
CUT_AFTER_ACCEPT = Behaviour("cut_after_accept", None, accepts=True)
HANG = Behaviour("hang", None, holds=True)


def quota(retry_after: str = "") -> Behaviour:
    """429, with Retry-After in seconds where it is given."""
    return Behaviour("quota", 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", retry_after=retry_after)


def delay(seconds: float, then: Behaviour = ACCEPT) -> Behaviour:
    """The same, with the answer so many seconds late; what accepts has accepted before the wait."""
    return replace(then, name=f"delayed_{then.name}", after=seconds)
