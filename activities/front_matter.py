"""What a template file says about itself, between the two `---` lines it begins with.

| key         | for   | means                                                       | if left out  |
| ----------- | ----- | ----------------------------------------------------------- | ------------ |
| subject     | email | the subject line (Liquid)                                   | is required  |
| preheader   | email | the line inboxes show beside the subject (Liquid)           | empty        |
| title       | card  | the first line of a push or in-app message (Liquid)         | is required  |
| body        | card  | the text (Liquid); or write it below the front matter       | the file     |
| link        | card  | where a tap leads (Liquid)                                  | nowhere      |
| action      | card  | what the button says (Liquid)                               | no button    |
| image       | card  | address of a picture (Liquid)                               | no picture   |
| kind        | all   | transactional, service or marketing; a webhook that says nothing is service | marketing |
| topic       | all   | what the person may unsubscribe from                        | general      |
| expires     | all   | how long the message makes sense: 30m, 24h, 3d              | never        |
| quiet_hours | all   | hold, drop or ignore a message that falls into quiet hours  | hold; if transactional, ignore |
| over_cap    | all   | hold or drop a marketing message that a cap leaves no place | drop         |
| moment      | all   | now, or best: in the hour in which the person mostly looks  | now          |
| data        | all   | the names the journey passes: `cart=CartUpdated, offer`     | none         |

The last seven must agree in every language of a template. A webhook has kind, topic, expires and data alone: it wakes
nobody up, and no cap counts it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, Literal, cast, get_args

from errors import TemplateError
from messages import Channel

from .channels.envelope import MessageKind

QuietHours = Literal["hold", "drop", "ignore"]
OverCap = Literal["drop", "hold"]
BestMoment = Literal["now", "best"]

EMAIL_TEXTS: Final = ("subject", "preheader")
CARD_TEXTS: Final = ("title", "body", "link", "action", "image")
CALL_KEYS: Final = ("kind", "topic", "expires", "data")
SHARED: Final = ("kind", "topic", "expires", "quiet_hours", "over_cap", "moment", "data")

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class MessageDetails:
    """How a message is to be treated, the same in every language; `expires` is None where it never does."""

    kind: MessageKind = "marketing"
    topic: str = "general"
    expires: timedelta | None = None
    quiet_hours: QuietHours = "hold"
    over_cap: OverCap = "drop"
    moment: BestMoment = "now"
    data: frozenset[tuple[str, str]] = frozenset()
    """Names that the template is given, each with the event class it must be, or with an empty string."""


@dataclass(frozen=True)
class FrontMatter:
    """The front matter of one file; `texts` are Liquid."""

    details: MessageDetails
    texts: dict[str, str]


def read_front_matter(source: str, channel: Channel) -> tuple[FrontMatter, str]:
    """Split a file into front matter and body; TemplateError says which line to mend."""
    match = re.match(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)(.*)", source.replace("\r\n", "\n"), re.DOTALL | re.MULTILINE)
    if match is None:
        raise TemplateError("begin the file with its front matter: `key: value` lines between two lines of `---`")
    texts = {"email": EMAIL_TEXTS, "webhook": ()}.get(channel, CARD_TEXTS)
    keys = CALL_KEYS if channel == "webhook" else (*texts, *SHARED)
    pairs: dict[str, str] = {}
    for line in match[1].splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise TemplateError(f"write {line.strip()!r} as `key: value`, on one line")
        if key not in keys:
            near = get_close_matches(key, keys, n=1)
            raise TemplateError(
                f"{key!r} is not known here; " + (f"did you mean {near[0]!r}?" if near else "remove it")
            )
        if key in pairs:
            raise TemplateError(f"{key!r} is there twice; keep one")
        pairs[key] = value
    body = match[2].strip()
    if texts == CARD_TEXTS:
        if body and pairs.get("body"):
            raise TemplateError("write the body either in the front matter or below it, not both")
        pairs["body"] = pairs.get("body") or body
    for required in {"email": ("subject",), "webhook": ()}.get(channel, ("title", "body")):
        if not pairs.get(required):
            raise TemplateError(f"say what its {required} is")
    if channel == "webhook":
        pairs.setdefault("kind", "service")
    return FrontMatter(_details(pairs), {key: pairs.get(key, "") for key in texts}), body


def _details(pairs: dict[str, str]) -> MessageDetails:
    default = MessageDetails()
    kind = _one_of(MessageKind, "kind", pairs.get("kind", default.kind))
    topic = pairs.get("topic", default.topic)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", topic):
        raise TemplateError(f"topic is {topic!r}; use lower-case letters, digits and underscores")
    quiet_hours = pairs.get("quiet_hours", "ignore" if kind == "transactional" else default.quiet_hours)
    return MessageDetails(
        kind=cast(MessageKind, kind),
        topic=topic,
        expires=_duration(pairs["expires"]) if "expires" in pairs else None,
        quiet_hours=cast(QuietHours, _one_of(QuietHours, "quiet_hours", quiet_hours)),
        over_cap=cast(OverCap, _one_of(OverCap, "over_cap", pairs.get("over_cap", default.over_cap))),
        moment=cast(BestMoment, _one_of(BestMoment, "moment", pairs.get("moment", default.moment))),
        data=_data(pairs.get("data", "")),
    )


def _one_of(choices: Any, key: str, value: str) -> str:
    if value not in get_args(choices):
        raise TemplateError(f"{key} is {value!r}; make it one of {', '.join(get_args(choices))}")
    return value


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,3})([mhd])", text)
    if match is None:
        raise TemplateError(f"expires is {text!r}; write a number and m, h or d, such as 24h or 3d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _data(text: str) -> frozenset[tuple[str, str]]:
    names = set()
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"([a-z_][a-z0-9_]*)(?:\s*=\s*([A-Z]\w*))?", item)
        if match is None:
            raise TemplateError(f"data has {item!r}; write a name, or a name and its event, such as cart=CartUpdated")
        names.add((match[1], match[2] or ""))
    return frozenset(names)
