"""How Tealium writes an event, and which message of the Segment spec that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from errors import EventError

from .bodies import parse_json
from .incoming import Incoming
from .intake import Intake
from .segment import Call, messages

PATH = "/v1/tealium"
TEALIUM_NAMES = {
    "user_register": "Signed Up",
    "product_view": "Product Viewed",
    "category_view": "Product List Viewed",
    "search": "Products Searched",
    "cart_add": "Product Added",
    "cart_remove": "Product Removed",
    "cart_view": "Cart Viewed",
    "cart_empty": "Cart Emptied",
    "checkout": "Checkout Started",
    "purchase": "Order Completed",
    "page_view": "Page Viewed",
    "screen_view": "Screen Viewed",
}
"""Tealium's standard events by the Segment name that means the same."""
LINE_FIELDS = {
    "product_id": "product_id",
    "product_sku": "sku",
    "product_name": "name",
    "product_category": "category",
    "product_brand": "brand",
    "product_unit_price": "price",
    "product_price": "price",
    "product_quantity": "quantity",
    "product_url": "url",
    "product_image_url": "image_url",
}
"""Lists of Tealium's data layer, one entry for each product, by the field of a line; the first that is there is taken."""
CART_FIELDS = {f"cart_{name}": field for name, field in LINE_FIELDS.items()}
"""The same for everything in the cart, which some events tell beside their own product."""
FACTS = {
    "order_total": "total",
    "order_currency": "currency",
    "cart_total_value": "value",
    "coupon_code": "coupon",
    "category_name": "category",
    "search_keyword": "query",
}
TRAITS = {
    "customer_email": "email",
    "customer_first_name": "firstName",
    "customer_last_name": "lastName",
    "customer_phone": "phone",
    "customer_country": "country",
    "language_code": "language",
}
WHOLE_CART = frozenset({"cart_view", "checkout"})
"""Events that are about all of the cart."""
STAMPS = ("post_time", "eventtime", "tealium_timestamp_epoch", "tealium_timestamp_utc")
ASIDE = ("tealium_", "customer_", "dom.", "dom_", "cp.", "cp_", "firstparty_", "ut.", "meta", "js_page", "timing")
"""How names begin that are no facts of the event; `cp` holds cookies."""


def tealium_routes(intake: Intake) -> list[Route]:
    """`POST /v1/tealium`."""

    async def door(request: Request) -> Response:
        return await intake.take(request, tealium_events, parse=parse_json)

    return [Route(PATH, door, methods=["POST"])]


def tealium_events(body: Any, call: Call) -> list[Incoming | EventError]:
    """Each event of a body: one as the HTTP API takes it, `shared` and `events`, one as EventStream keeps it, or a list."""
    # The connection is Tealium's, or that of the program which would else speak to it: never the person's.
    call = replace(call, type="batch", peer=None, headers={})
    return [_read(event, call) for event in _each(body)]


def _each(body: Any) -> Iterator[Any]:
    if isinstance(body, dict) and isinstance(body.get("events"), list):
        shared = body.get("shared")
        for event in body["events"]:
            yield {**shared, **event} if isinstance(shared, dict) and isinstance(event, dict) else event
    else:
        yield from body if isinstance(body, list) else [body]


def _read(event: object, call: Call) -> Incoming | EventError:
    try:
        if not isinstance(event, dict):
            raise EventError("An event is a JSON object; send one, a list of them, or shared and events.")
        (found,) = messages({"batch": [_message(_flat(event))]}, call)
    except EventError as error:
        return error
    return found


def _flat(event: Mapping[str, Any]) -> dict[str, Any]:
    """The data layer, with what EventStream has put around it."""
    data = event.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("udo"), dict):
        return {name.removeprefix("udo.").removeprefix("udo_"): value for name, value in event.items()}
    page = event.get("page_url")
    dom = data["dom"] if isinstance(data.get("dom"), dict) else {}
    around = {
        "event_id": event.get("event_id"),
        "tealium_visitor_id": event.get("visitor_id"),
        "post_time": event.get("post_time"),
        "client_ip": event.get("client_ip"),
        "useragent": event.get("useragent"),
        "dom.url": page.get("full_url") if isinstance(page, dict) else None,
        **{f"dom.{name}": value for name, value in dom.items()},
    }
    return {**{name: value for name, value in around.items() if value is not None}, **data["udo"]}


def _message(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The event as a message of the Segment spec."""
    name = flat.get("tealium_event")
    if not isinstance(name, str) or not name:
        raise EventError("tealium_event: expected the name of what happened, such as purchase.")
    user_id, visitor = _value(flat, "customer_id"), _value(flat, "tealium_visitor_id", "visitorid")
    if not user_id and not visitor:
        raise EventError("tealium_visitor_id: every event needs it, or a customer_id.")
    products: list[dict[str, Any]] | None
    products = (_lines(flat, CART_FIELDS) if name in WHOLE_CART else []) or _lines(flat, LINE_FIELDS)
    if not products and not (name == "cart_view" and _holds_nothing(flat)):
        products = None
    page = {"url": _value(flat, "dom.url", "dom_url"), "path": _value(flat, "dom.pathname", "dom_pathname")}
    page |= {"referrer": _value(flat, "dom.referrer", "dom_referrer"), "title": _value(flat, "dom.title", "dom_title")}
    return {
        "type": "track",
        "event": TEALIUM_NAMES.get(name, name),
        "messageId": _value(flat, "event_id", "eventid"),
        "userId": user_id,
        "anonymousId": visitor,
        "timestamp": _stamp(flat),
        "properties": _facts(flat, name, page["path"]) | ({} if products is None else {"products": products}),
        "traits": {ours: value for theirs, ours in TRAITS.items() if (value := _value(flat, theirs))},
        "context": {
            "ip": _value(flat, "client_ip"),
            "userAgent": _value(flat, "useragent"),
            "page": {key: value for key, value in page.items() if value},
        },
    }


def _facts(flat: Mapping[str, Any], name: str, path: Any) -> dict[str, Any]:
    """What is told of the event as a whole, in Segment's words where it has some."""
    told = {
        key: value
        for key, value in flat.items()
        if not key.startswith(ASIDE)
        and key not in (*LINE_FIELDS, *CART_FIELDS, *FACTS, *STAMPS, "event_id", "eventid", "client_ip", "useragent")
    }
    known = {ours: value for theirs, ours in FACTS.items() if (value := _value(flat, theirs))}
    if name not in WHOLE_CART:
        known.pop("value", None)  # What is in the cart is not what this event is worth.
    return told | known | ({"path": path} if name == "page_view" and path else {})


def _lines(flat: Mapping[str, Any], fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """The products that parallel lists tell of; a line ends up with those fields that have an entry for it."""
    lists = {name: value if isinstance(value := flat.get(name), list) else [value] for name in fields}
    lines: list[dict[str, Any]] = []
    for place in range(max(len(values) for values in lists.values())):
        line: dict[str, Any] = {}
        for name, field in fields.items():
            value = lists[name][place] if place < len(lists[name]) else None
            if value not in (None, ""):
                line.setdefault(field, value)
        if line:
            lines.append(line)
    return lines


def _holds_nothing(flat: Mapping[str, Any]) -> bool:
    """Whether the data layer says that the cart is empty, rather than nothing of it."""
    return [] in (flat.get("cart_product_id"), flat.get("cart_product_sku")) or flat.get("cart_total_items") in ("0", 0)


def _value(flat: Mapping[str, Any], *names: str) -> Any:
    """The first of these that says something; Tealium sends an empty text for what it does not know."""
    return next((flat[name] for name in names if flat.get(name) not in (None, "")), None)


def _stamp(flat: Mapping[str, Any]) -> str | None:
    """ISO 8601, or seconds or milliseconds since 1970, which differ by their size."""
    value = _value(flat, *STAMPS)
    try:
        if value is None or (isinstance(value, str) and not value.isdigit()):
            return value
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        raise EventError("tealium_timestamp_epoch: not a moment; send seconds since 1970.") from None
