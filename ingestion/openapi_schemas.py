"""The shapes that the OpenAPI document names."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
TEXT: Json = {"type": "string"}
OBJECT: Json = {"type": "object"}
MOMENT: Json = {"type": "string", "format": "date-time"}
ID: Json = {"type": ["string", "integer", "null"], "maxLength": 200}
REJECTED: Json = {
    "type": "array",
    "description": "What was not taken, by its place; all others were.",
    "items": {"type": "object", "properties": {"index": {"type": "integer"}, "error": TEXT, "reason": TEXT}},
}


def _shape(described: str, required: tuple[str, ...] = (), **properties: Json) -> Json:
    return {"type": "object", "description": described, "properties": properties, "required": list(required)}


def _or_null(shape: Json) -> Json:
    return shape | {"type": [shape["type"], "null"]}


MESSAGE = _shape(
    "A call of the Segment spec; userId or anonymousId, and for track an event. At most 64 kB.",
    type={"enum": ["track", "identify", "page", "screen", "group", "alias"]},
    event={"type": "string", "maxLength": 200, "examples": ["Order Completed"]},
    userId=ID,
    anonymousId=ID,
    messageId={"type": "string", "maxLength": 150, "description": "By this it is known when it comes again."},
    properties=OBJECT,
    traits=OBJECT,
    context=OBJECT,
    timestamp=MOMENT,
    sentAt=MOMENT,
)
CARD = _shape(
    "An in-app message.",
    ("id", "template", "title", "body", "sent_at"),
    id=TEXT,
    template=TEXT,
    title=TEXT,
    body=TEXT,
    sent_at=MOMENT,
    expires_at=_or_null(MOMENT),
    read_at=_or_null(MOMENT),
)
PERSON = _shape(
    "Who somebody is to us.",
    ("userId", "traits", "createdAt", "segments", "consent", "carts", "journeys"),
    userId=TEXT,
    traits=OBJECT,
    createdAt=MOMENT,
    lastSeenAt=_or_null(MOMENT),
    language=_or_null(TEXT),
    country=_or_null(TEXT),
    segments={"type": "array", "items": TEXT},
    scores=OBJECT,
    engagement=OBJECT,
    habits=OBJECT,
    behaviour={"type": "array", "items": OBJECT},
    carts={"type": "array", "items": OBJECT},
)
SCHEMAS: Json = {
    "Message": MESSAGE,
    "Batch": _shape(
        "At most 1,000 messages and 500 kB.",
        ("batch",),
        batch={"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/Message"}},
        sentAt=MOMENT,
    ),
    "CloudEvent": _shape(
        "An event of CloudEvents 1.0.",
        ("specversion", "id", "source", "type"),
        specversion={"const": "1.0"},
        id={"type": "string", "minLength": 1},
        source={"type": "string", "minLength": 1},
        type={"type": "string", "minLength": 1},
        subject=TEXT,
        time=MOMENT,
        data=OBJECT,
    ),
    "Anything": OBJECT,
    "Reports": {"type": "array", "items": OBJECT},
    "Ids": _shape(
        "Messages by their ids.",
        ("ids",),
        ids={"type": "array", "maxItems": 100, "items": {"type": "string", "maxLength": 200}},
    ),
    "Lifetime": _shape(
        "How long the token opens the inbox, in seconds.",
        expires_in={"type": "integer", "minimum": 60, "maximum": 2592000},
    ),
    "Answer": _shape("Done.", ("success",), success={"const": True}, rejected=REJECTED),
    "Problem": _shape(
        "What is wrong, in one sentence that says what to do, and in one word for programs.",
        ("success", "error"),
        success={"const": False},
        error=TEXT,
        reason=TEXT,
    ),
    "Inbox": _shape("The newest first.", ("messages",), messages={"type": "array", "items": CARD}),
    "Token": _shape("A token.", ("token", "expires_at"), token=TEXT, expires_at=MOMENT),
    "Person": PERSON,
    "Health": _shape(
        "All is well.",
        ("status", "unrouted", "set_aside"),
        status={"const": "ok"},
        unrouted={"type": "integer"},
        set_aside={"type": "integer"},
    ),
}
