"""Which push address a client tells of its device, and which addresses are of the same installation of an app."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FID = re.compile(r"[cdef][A-Za-z0-9_-]{21}")
"""How Firebase makes installation ids (firebase-js-sdk, packages/installations)."""
APNS = re.compile(r"[0-9A-Fa-f]{64,200}")
"""Apple's own device tokens, which Segment's iOS clients send; they mean nothing to Firebase."""
LONGEST = 4096


def push_address(context: Mapping[str, Any]) -> tuple[str, str] | None:
    """(kind, value) of `context.device.fid` or else `context.device.token`; None where neither can be an address.

    An installation id that stands in the token's place is known by its form: several clients put it there.
    """
    device = context.get("device")
    if not isinstance(device, Mapping):
        return None
    fid, token = device.get("fid"), device.get("token")
    if isinstance(fid, str) and FID.fullmatch(fid):
        return "fid", fid
    if not isinstance(token, str) or not token or len(token) > LONGEST or APNS.fullmatch(token):
        return None
    return ("fid" if FID.fullmatch(token) else "token"), token


def installation(address: str) -> str:
    """What all addresses of one installation have in common: a registration token begins with the id and a colon."""
    return address.partition(":")[0]
