"""What a body of mail/send must look like, told by a schema that is on every machine."""

from __future__ import annotations

from typing import Any

from openapi_schema_validator import OAS31Validator


def _closed(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _one(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": 1}


_TEXT = {"type": "string", "minLength": 1}
_PERSON = _closed(("email",), email={"type": "string", "pattern": r"^[^@\s]+@[^@\s]+$"}, name={"type": "string"})
_PART = {kind: _closed(("type", "value"), type={"const": kind}, value=_TEXT) for kind in ("text/plain", "text/html")}

MAIL_SEND = _closed(
    ("personalizations", "from", "subject", "content"),
    personalizations=_one(
        _closed(("to", "custom_args"), to=_one(_PERSON), custom_args=_closed(("send_key",), send_key=_TEXT))
    ),
    **{"from": _PERSON},
    reply_to=_PERSON,
    subject=_TEXT,
    content={"type": "array", "prefixItems": list(_PART.values()), "minItems": 2, "maxItems": 2},
    categories={"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 10, "uniqueItems": True},
    headers={"type": "object", "additionalProperties": {"type": "string"}},
)
"""What we send to POST /v3/mail/send, narrower than what SendGrid takes: an unknown field is a mistake of ours."""

SHAPE = OAS31Validator(MAIL_SEND)
