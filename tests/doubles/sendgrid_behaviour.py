"""What may become of one call to mail/send."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Behaviour:
    """What becomes of one well-formed call: is it accepted, and what is said about it."""

    name: str
    status: int | None
    """None: nothing is answered."""
    accepts: bool = False
    holds: bool = False
    """The connection stays open, without an answer, until the double is closed."""
    field: str | None = None
    """What the error body blames."""
    after: float = 0.0
    """Seconds between the acceptance and the answer."""
    reset_in: float | None = None
    """Seconds from the call to the moment that X-RateLimit-Reset names."""


ACCEPT = Behaviour("accept", 202, accepts=True)
REFUSE = Behaviour("refuse", 400, field="personalizations.0.to.0.email")
FORBIDDEN = Behaviour("forbidden", 403, field="from")
TOO_LARGE = Behaviour("too_large", 413)
SERVER_ERROR = Behaviour("server_error", 500)
ERROR_AFTER_ACCEPT = Behaviour("error_after_accept", 500, accepts=True)
CUT_AFTER_ACCEPT = Behaviour("cut_after_accept", None, accepts=True)
HANG = Behaviour("hang", None, holds=True)


def rate_limited(reset_in: float = 30.0) -> Behaviour:
    """429, with the rate limit reset in so many seconds."""
    return Behaviour("rate_limited", 429, reset_in=reset_in)


def delay(seconds: float, then: Behaviour = ACCEPT) -> Behaviour:
    """The same, with the answer so many seconds late; what accepts has accepted before the wait."""
    return replace(then, name=f"delayed_{then.name}", after=seconds)


BY_NAME = {
    each.name: each
    for each in (
        ACCEPT,
        REFUSE,
        FORBIDDEN,
        TOO_LARGE,
        SERVER_ERROR,
        ERROR_AFTER_ACCEPT,
        CUT_AFTER_ACCEPT,
        HANG,
        rate_limited(),
    )
}
"""The behaviours by their names, for who asks from another process."""
