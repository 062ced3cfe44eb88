"""Which Liquid the templates are written in: its filters and its limits."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from liquid import Environment, RenderContext
from liquid.filter import with_context

MAX_OUTPUT: Final = 512 * 1024
MAX_LINK: Final = 2_000

_LINK = re.compile(r"(?:https?://[^\s<>\"'`\\{}]+|mailto:[^\s<>\"'`\\{}/]+)", re.IGNORECASE)
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "PLN": "zł", "CZK": "Kč"}
_IN_FRONT = frozenset("€$£¥₹₩")
_WITHOUT_CENTS = frozenset({"JPY", "KRW", "CLP", "ISK", "VND", "HUF"})
_NO_BREAK = "\N{NO-BREAK SPACE}"


class TemplateLanguage(Environment):
    """Liquid with `money` and `link`, without files, without `safe`, and with limits on loops, nesting and output."""

    block_nesting_limit = 12
    context_depth_limit = 20
    loop_iteration_limit = 2_000
    local_namespace_limit = 256 * 1024
    output_stream_limit = MAX_OUTPUT

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape)
        for tag in ("include", "render", "increment", "decrement"):
            del self.tags[tag]
        # They would let a template undo the escaping.
        for unsafe in ("safe", "escape_once", "newline_to_br", "base64_decode", "base64_url_safe_decode", "url_decode"):
            self.filters.pop(unsafe, None)
        self.add_filter("money", with_context(_money))
        self.add_filter("link", link)


def link(value: object, instead: object = "#") -> str:
    """The address if it is https, http or mailto and absolute; else `instead`, judged the same way, else "#".

    An empty `instead` stays empty, so that a template can ask whether there is an address.
    """
    for candidate in (value, instead):
        if isinstance(candidate, str) and len(candidate) <= MAX_LINK and _LINK.fullmatch(candidate.strip()):
            return candidate.strip()
    return "" if instead == "" else "#"


def money(amount: object, currency: object = None, language: str = "en") -> str:
    """An amount as it is written in a language: "59,90 €" or "€59.90"; empty for anything that is not an amount."""
    value = _decimal(amount)
    if value is None:
        return ""
    code = currency if isinstance(currency, str) and re.fullmatch(r"[A-Z]{3}", currency) else ""
    digits = f"{abs(value):,.{0 if code in _WITHOUT_CENTS else 2}f}"
    sign = "-" if value < 0 and re.search(r"[1-9]", digits) else ""
    symbol = _SYMBOLS.get(code, code)
    if language == "de":
        digits = digits.translate(str.maketrans(",.", ".,"))
    elif symbol in _IN_FRONT:
        return f"{sign}{symbol}{digits}"
    elif symbol:
        return f"{sign}{symbol}{_NO_BREAK}{digits}"
    return f"{sign}{digits}{_NO_BREAK}{symbol}" if symbol else f"{sign}{digits}"


def _decimal(amount: object) -> Decimal | None:
    if isinstance(amount, bool) or not isinstance(amount, (str, int, float, Decimal)) or len(str(amount)) > 40:
        return None
    try:
        value = Decimal(str(amount).strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and value.adjusted() < 15 else None


def _money(amount: object, currency: object = None, *, context: RenderContext) -> str:
    language: Any = context.resolve("language", default="en")
    return money(amount, currency, language)
