"""Bodies that look like what each door expects, as far as this or that part of them."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping
from typing import Any

from ingestion.openapi_schemas import SCHEMAS

EVENTS = (
    "File Downloaded", "Anything", "Product Viewed", "Product Added", "Cart Viewed", "Order Completed", "Identified",
    "Subscribed", "Unsubscribed", "Signed Up", "purchase", "add_to_cart", "Cart Updated", "Enrolled", "Zone Changed",
)  # fmt: skip
NAMES = (
    "userId", "anonymousId", "previousId", "messageId", "event", "type", "timestamp", "sentAt", "originalTimestamp",
    "properties", "traits", "context", "batch", "writeKey", "value", "price", "quantity", "products", "items", "cart_id",
    "order_id", "currency", "topic", "channel", "device", "page", "referrer", "ip", "timezone", "ids", "expires_in", "data",
    "data_base64", "specversion", "id", "source", "subject", "time", "event_name", "client_id", "timestamp_micros", "user_data",
    "tealium_event", "post_time", "product_id", "shared", "events", "renews_at", "__proto__", "",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, -1e308, 5e-324, 10**400, 2**63, "", " ", "x", "0", "\0", "\n", "a\r\nb: c", "\x1b[31m", "\u202e",
    "\ud800", "\udfff\ud800", "𝕏" * 300, "=cmd()", "../../etc/passwd", "'; DROP TABLE events; --", "{{ 7 | times: 7 }}",
    "${jndi:ldap://x}", "NaN", "Infinity", "1e999999999", [], {}, [[[]]], [None], {"": None}, {"a": {"b": [1]}}, "2026-01-01",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:00", "2026-02-30T25:61:61Z", "x" * 501, "x" * 70_000, "Mars/Olympus",
    ["x"] * 2000, "192.0.2.1", "::1", "999.999.999.999", "EUR", "e", "1" * 5000,
)  # fmt: skip
NO_NUMBERS = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"01", b"\x00", b"1" * 5000, b"-", b"0x1")


class Bodies:
    """Makes bodies; each person, address and text in them holds the canary."""

    def __init__(self, chances: random.Random, canary: str) -> None:
        self.chances = chances
        self._canary = canary
        self._number = 0

    def person(self) -> str:
        """One of a few hundred, so that some are met again."""
        return f"h-{self.chances.randrange(400)}"

    def track(self, message_id: str = "", **more: Any) -> dict[str, Any]:
        """One call of the Segment spec, with nothing wrong but what is added."""
        self._number += 1
        return {
            "type": "track",
            "messageId": message_id or f"hostile-{self._number}",
            "userId": self.person(),
            "event": "File Downloaded",
            "properties": {"file_name": self._canary, "note": f"{self._canary}@example.com"},
            "context": {"ip": "203.0.113.77", "traits": {"email": f"{self._canary}@example.com"}},
            **more,
        }

    def of(self, path: str) -> Any:
        """What the door at that path expects."""
        dice, call = self.chances, self.track(event=self.chances.choice(EVENTS))
        email = {"email": f"{self._canary}@example.com", "firstName": self._canary, "timezone": "Europe/Berlin"}
        line = {"product_id": "p", "name": self._canary, "price": "9.90", "quantity": 1}
        match path:
            case "/v1/batch" | "/v1/b" | "/v1/import":
                return {"batch": [call | {"messageId": f"{call['messageId']}-{n}"} for n in range(dice.randrange(6))]}
            case "/v1/events":
                data = {"cart_id": "c", "value": "9.90", "note": self._canary}
                kind = dice.choice(["com.example.file_downloaded", "com.example.order_completed.v2", "x"])
                about = {"specversion": "1.0", "id": call["messageId"], "source": "/hostile", "type": kind}
                return about | {"subject": call["userId"], "data": data}
            case "/v1/tealium":
                about = {"tealium_event": dice.choice(["purchase", "cart_add", "x"]), "event_id": call["messageId"]}
                return about | {"customer_id": call["userId"], "product_id": ["p"], "customer_email": email["email"]}
            case "/v1/tags":
                about = {"event_name": dice.choice(["purchase", "view_item", "x"]), "event_id": call["messageId"]}
                return about | {
                    "client_id": call["userId"],
                    "items": [line],
                    "user_data": {"email_address": email["email"]},
                }
            case "/v1/identify" | "/v1/i":
                return call | {"type": "identify", "traits": email}
            case "/v1/alias" | "/v1/a":
                return call | {"type": "alias", "previousId": f"n-{dice.randrange(50)}"}
            case _ if path.endswith("token"):
                return {"expires_in": 60}
            case _ if "/inbox" in path:
                return {"ids": [self._canary, call["messageId"]]}
            case _:
                return call | {
                    "properties": line | {"cart_id": "c", "products": [line], "value": 9.9, "currency": "EUR"}
                }

    def drawn(self, schema: Mapping[str, Any]) -> Any:
        """Something that this schema of the OpenAPI document allows."""
        dice = self.chances
        if "$ref" in schema:
            return self.drawn(SCHEMAS[str(schema["$ref"]).rpartition("/")[2]])
        if "const" in schema or "enum" in schema:
            return schema.get("const") or dice.choice(schema["enum"])
        kind = schema.get("type", "string")
        match dice.choice(kind) if isinstance(kind, list) else kind:
            case "object":
                needed, known = schema.get("required", ()), schema.get("properties", {})
                taken = {name: self.drawn(of) for name, of in known.items() if name in needed or dice.random() < 0.6}
                return taken if known else {dice.choice(NAMES): dice.choice(ODD)}
            case "array":
                return [
                    self.drawn(schema["items"]) for _ in range(dice.randrange(min(schema.get("maxItems", 4), 4) + 1))
                ]
            case "integer":
                return dice.randrange(schema.get("minimum", -5), schema.get("maximum", 2**40))
            case "null":
                return None
            case _:
                text = dice.choice([self._canary, self.person(), "2026-03-01T09:30:00Z", "ж" * 9, "x"])
                return text[: schema.get("maxLength", 99)]

    def mutated(self, body: Any) -> Any:
        """The same with up to four of its parts replaced, removed, renamed or added; not always one."""
        for _ in range(self.chances.randrange(5)):
            body = self._changed(body, 0)
        return body

    def _changed(self, item: Any, depth: int) -> Any:
        dice = self.chances
        if not item or not isinstance(item, (dict, list)) or dice.random() < 0.1:
            return dice.choice(ODD) if depth or dice.random() < 0.2 else item
        if isinstance(item, list):
            place = dice.randrange(len(item))
            return [*item[:place], self._changed(item[place], depth + 1), *item[place + 1 :]]
        name = dice.choice([*item])
        match dice.randrange(8):
            case 0:
                return {key: value for key, value in item.items() if key != name}
            case 1:
                return item | {dice.choice(NAMES): dice.choice(ODD)}
            case 2:
                return {dice.choice(NAMES) if key == name else key: value for key, value in item.items()}
            case _:
                return item | {name: self._changed(item[name], depth + 1)}

    def written(self, body: Any) -> bytes:
        """As JSON, of which one in four is harmed on its way."""
        raw = json.dumps(body).encode()
        return _harmed(raw, self.chances) if self.chances.random() < 0.25 else raw


def _harmed(raw: bytes, dice: random.Random) -> bytes:
    match dice.randrange(13):
        case 0 | 1:
            return raw[: dice.randrange(len(raw) + 1)]
        case 2:
            return raw.replace(b'"', bytes([dice.randrange(256)]), 1)
        case 3:
            return raw.replace(b"{", b'{"userId":"x","userId":"y",', 1)
        case 4:
            return raw.replace(b"{", b'{"a":' + dice.choice(NO_NUMBERS) + b",", 1)
        case 5:
            return raw.replace(b'"File', b'"\xed\xa0\x80\xff\xfe', 1)
        case 6:
            return b"\xef\xbb\xbf" + raw
        case 7:
            return raw.decode().encode("utf-16")
        case 8 | 9:
            return gzip.compress(raw, 1)[: dice.choice([None, 20, -5])]
        case 10:
            return gzip.compress(raw, 1) + dice.choice([b"x", gzip.compress(raw, 1)])
        case 11:
            return dice.choice([b"", b"null", b'"', b"batch=" + raw])
        case _:
            return raw + raw
