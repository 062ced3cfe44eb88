"""How the names that tag managers send (GA4 ecommerce) become those of the Segment spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from .incoming import Incoming

GA4_NAMES = {
    "sign_up": "Signed Up",
    "view_item": "Product Viewed",
    "view_item_list": "Product List Viewed",
    "search": "Products Searched",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "view_cart": "Cart Viewed",
    "begin_checkout": "Checkout Started",
    "purchase": "Order Completed",
    "refund": "Order Refunded",
    "page_view": "Page Viewed",
    "video_start": "Video Playback Started",
    "video_complete": "Video Playback Completed",
    "file_download": "File Downloaded",
}
"""GA4 recommended events, as their reference names them, by the Segment name that means the same."""

SINGLE = frozenset({"Product Viewed", "Product Added", "Product Removed"})
ITEM_FIELDS = {
    "item_id": "product_id",
    "item_name": "name",
    "item_category": "category",
    "item_brand": "brand",
    "sku": "product_id",
    "id": "product_id",
}


def translated(message: Incoming) -> Incoming:
    """The message in the Segment spec's words; whatever has no such word is left as it came."""
    name = GA4_NAMES.get(message.name, message.name)
    properties = dict(message.properties)
    lines = properties.pop("items", None) if message.name in GA4_NAMES else None
    if isinstance(lines, list):
        properties["products"] = lines
    if isinstance(properties.get("products"), list):
        told = properties.pop("products")
        if (mapped := [_line(line) for line in told if isinstance(line, Mapping)]) or not told:
            properties["products"] = mapped
    if name in SINGLE:
        listed = properties.get("products")
        properties = properties | listed[0] if isinstance(listed, list) and listed else _line(properties)
    if "value" not in properties and name in ("Cart Viewed", "Checkout Started", "Order Completed"):
        total = properties.get("total", properties.get("revenue"))
        if total is not None:
            properties["value"] = total
    if "transaction_id" in properties:
        properties.setdefault("order_id", properties["transaction_id"])
    properties = {key: _plain(key, value) for key, value in properties.items()}
    if name == "Cart Updated" and _holds_nothing(properties):
        name = "Cart Emptied"
    if name == "Cart Emptied" and properties.get("cart_id") == "":
        del properties["cart_id"]
    if name == message.name and _is_same(properties, message.properties):
        return message  # as most are: to make another one costs more than to look
    return replace(message, name=name, properties=properties)


def _holds_nothing(cart: Mapping[str, Any]) -> bool:
    """Whether it lists no products; or lists none at all, and says that it is worth nothing."""
    if isinstance(lines := cart.get("products"), list):
        return all(_is_zero(line.get("quantity")) for line in lines)
    return lines is None and _is_zero(cart.get("value"))


def _is_zero(value: object) -> bool:
    try:
        return not isinstance(value, bool) and Decimal(str(value)) == 0
    except InvalidOperation:
        return False


def _is_same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether each value is the very same; to be equal is not enough, as 1 is to True."""
    return ours.keys() == theirs.keys() and all(value is theirs[key] for key, value in ours.items())


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    facts = dict(line)
    for theirs, ours in ITEM_FIELDS.items():
        if facts.get(theirs) not in (None, ""):
            facts.setdefault(ours, facts[theirs])
    return {key: _plain(key, value) for key, value in facts.items()}


def _plain(key: str, value: Any) -> Any:
    """Amounts as text, so that no float is ever rounded again; everything else as it is."""
    if isinstance(value, float) and key in (
        "value",
        "price",
        "total",
        "revenue",
        "subtotal",
        "discount",
        "shipping",
        "tax",
    ):
        return repr(value)
    return value
