"""What a message says, word for word: templates by channel, name and language, filled with facts and the person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from errors import TemplateError
from messages import Channel, Rendered, RenderedCall, RenderedCard, RenderedEmail

from .calls import fill_call, read_call
from .front_matter import MessageDetails, read_front_matter
from .mjml import compile_mjml
from .template_data import one_line, plain, plain_person
from .template_language import TemplateLanguage, link
from .template_names import asked_of, check_names

FALLBACK_LANGUAGE: Final = "en"
MAX_SUBJECT: Final = 150
MAX_CARD_TITLE: Final = 100
MAX_CARD_BODY: Final = 400
MAX_CARD_ACTION: Final = 40

_HTML = TemplateLanguage(autoescape=True)
_TEXT = TemplateLanguage(autoescape=False)
_EMAIL_FILE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z]{2})\.mjml\.liquid")
_CARD_FILE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z]{2})\.liquid")
_CALL_FILE = re.compile(r"([a-z][a-z0-9_]*)()\.json\.liquid")
_FILES: Final[dict[Channel, tuple[re.Pattern[str], str]]] = {
    "email": (_EMAIL_FILE, "<name>.<language>.mjml.liquid, such as last_call.en.mjml.liquid"),
    "push": (_CARD_FILE, "<name>.<language>.liquid, such as last_call.en.liquid"),
    "in_app": (_CARD_FILE, "<name>.<language>.liquid, such as last_call.en.liquid"),
    "webhook": (_CALL_FILE, "<name>.json.liquid, such as tagged.json.liquid"),
}
_INCLUDE = re.compile(r'<mj-include\s+path="([a-z0-9_/]+\.mjml\.liquid)"\s*/>')


@dataclass(frozen=True)
class Shop:
    """Who writes to the person; `postal_address` stands in every email, as the law wants it for marketing."""

    name: str
    url: str
    postal_address: str
    support_email: str


@dataclass(frozen=True)
class _Template:
    """One file, parsed: its Liquid by the part of the message it makes."""

    file: str
    details: MessageDetails
    parts: dict[str, BoundTemplate]
    asks: frozenset[str]
    """What it asks for that is only looked up for who asks."""


class Templates:
    """Every template below a folder, loaded and checked at once; nothing is read from disk afterwards."""

    def __init__(self, root: Path, *, shop: Shop) -> None:
        self._root = root
        self._shop = plain({**asdict(shop), "postal_address": ", ".join(shop.postal_address.split("\n"))})
        self._templates: dict[tuple[Channel, str], dict[str, _Template]] = {}
        for channel in get_args(Channel):
            self._load(channel)

    def names(self, channel: Channel) -> list[str]:
        """The templates of a channel, in alphabetical order."""
        return sorted(name for kind, name in self._templates if kind == channel)

    def languages(self, channel: Channel, template: str) -> list[str]:
        """The languages a template is written in."""
        return sorted(self._find(channel, template))

    def details(self, channel: Channel, template: str) -> MessageDetails:
        """How a message made from this template is to be treated; TemplateError with close matches if it is unknown."""
        return self._find(channel, template)[FALLBACK_LANGUAGE].details

    def asks(self, channel: Channel, template: str, language: str | None) -> frozenset[str]:
        """What of `recommendations` and `foretold` the template in that language asks for."""
        return self._choose(channel, template, language)[1].asks

    def render(
        self,
        channel: Channel,
        template: str,
        *,
        language: str | None,
        data: Mapping[str, Any],
        person: Mapping[str, Any],
    ) -> Rendered:
        """The message in the person's language ("de-AT" is answered in "de"), or in English.

        `data` and `person` may miss anything and hold anything. TemplateError only for a template that is unknown,
        for a marketing email without an `unsubscribe_url`, for a webhook that comes out as no JSON, and for a template
        that breaks one of Liquid's limits.
        """
        spoken, chosen = self._choose(channel, template, language)
        names = {**dict.fromkeys(name for name, _ in chosen.details.data), **plain(data)}
        names |= {"person": plain_person(person), "shop": self._shop, "language": spoken, "kind": chosen.details.kind}
        names.setdefault("unsubscribe_url", None)
        names["recommendations"] = names.get("recommendations") or []
        if channel == "webhook":
            return _call(chosen, names)
        if channel != "email":
            return _card(chosen, names)
        if chosen.details.kind == "marketing" and not link(names["unsubscribe_url"], ""):
            raise TemplateError(f"{chosen.file} is marketing: pass an `unsubscribe_url` in its data")
        return _email(chosen, names)

    def _find(self, channel: Channel, template: str) -> dict[str, _Template]:
        found = self._templates.get((channel, template))
        if found is None:
            near = get_close_matches(template, self.names(channel), n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"put it below {self._root.name}/{channel}/"
            raise TemplateError(f"there is no {channel} template {one_line(template, 100)!r}; {hint}")
        return found

    def _choose(self, channel: Channel, template: str, language: str | None) -> tuple[str, _Template]:
        found = self._find(channel, template)
        base = re.split(r"[-_]", language.strip().lower())[0] if isinstance(language, str) else ""
        spoken = base if base in found else FALLBACK_LANGUAGE
        return spoken, found[spoken]

    def _load(self, channel: Channel) -> None:
        folder = self._root / channel
        for path in sorted(folder.rglob("*.liquid")):
            place = path.relative_to(folder)
            if place.parts[0] == "parts" or place.name == "layout.mjml.liquid":
                continue
            pattern, form = _FILES[channel]
            match = pattern.fullmatch(place.name)
            file = path.relative_to(self._root).as_posix()
            if match is None:
                raise TemplateError(f"{file}: call it {form}")
            try:
                loaded = self._read(path, file, channel)
            except TemplateError as error:
                raise TemplateError(f"{file}: {error}") from None
            except LiquidError as error:
                raise TemplateError(f"{file}: its Liquid is wrong: {error.message or type(error).__name__}") from None
            except (OSError, UnicodeDecodeError):
                raise TemplateError(f"{file}: cannot be read; save it as UTF-8") from None
            name = (place.parent / match[1]).as_posix()
            self._templates.setdefault((channel, name), {})[match[2] or FALLBACK_LANGUAGE] = loaded
        for (kind, name), languages in self._templates.items():
            if kind == channel:
                _check_languages(f"{channel}/{name}", languages)

    def _read(self, path: Path, file: str, channel: Channel) -> _Template:
        matter, body = read_front_matter(path.read_text(encoding="utf-8"), channel)
        if channel == "webhook":
            call = read_call(body, matter.details.data)
            return _Template(file, matter.details, {"call": call}, asked_of([call]))
        parts = {key: _TEXT.from_string(text) for key, text in matter.texts.items()}
        if channel == "email":
            html, text = compile_mjml(self._document(body))
            parts |= {"html": _HTML.from_string(html), "text": _TEXT.from_string(text)}
        check_names(parts.values(), matter.details.data)
        return _Template(file, matter.details, parts, asked_of(parts.values()))

    def _document(self, body: str) -> str:
        """The body inside the layout, with its parts; both are MJML and Liquid like the body itself."""
        email = self._root / "email"

        def include(match: re.Match[str]) -> str:
            part = email / match[1]
            if not part.is_file():
                raise TemplateError(f"there is no {match[1]} below email/; mend the path of <mj-include>")
            return part.read_text(encoding="utf-8").strip()

        if "<mjml" not in body:
            layout = (email / "layout.mjml.liquid").read_text(encoding="utf-8")
            body = layout.replace("{{ content }}", body)
        return _INCLUDE.sub(include, body)


def _check_languages(template: str, languages: dict[str, _Template]) -> None:
    if FALLBACK_LANGUAGE not in languages:
        raise TemplateError(f"{template}: write it in English too; people whose language is missing are sent that one")
    english = languages[FALLBACK_LANGUAGE]
    for other in languages.values():
        for key in ("kind", "topic", "expires", "quiet_hours", "data"):
            if getattr(other.details, key) != getattr(english.details, key):
                raise TemplateError(f"{other.file}: its {key} differs from {english.file}; make them agree")


def _email(template: _Template, names: dict[str, Any]) -> RenderedEmail:
    subject = one_line(_fill(template, "subject", names), MAX_SUBJECT)
    preheader = one_line(_fill(template, "preheader", names), MAX_SUBJECT)
    names = {**names, "subject": subject, "preheader": preheader}
    lines = [" ".join(line.split()) for line in _fill(template, "text", names).splitlines()]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
    return RenderedEmail(subject, preheader, _fill(template, "html", names), text)


def _card(template: _Template, names: dict[str, Any]) -> RenderedCard:
    return RenderedCard(
        title=one_line(_fill(template, "title", names), MAX_CARD_TITLE),
        body=one_line(_fill(template, "body", names), MAX_CARD_BODY),
        link=link(_fill(template, "link", names), ""),
        action=one_line(_fill(template, "action", names), MAX_CARD_ACTION),
        image=link(_fill(template, "image", names), ""),
    )


def _call(template: _Template, names: dict[str, Any]) -> RenderedCall:
    try:
        return fill_call(template.parts["call"], names)
    except TemplateError as error:
        raise TemplateError(f"{template.file}: {error}") from None


def _fill(template: _Template, part: str, names: Mapping[str, Any]) -> str:
    try:
        return template.parts[part].render(names)
    except LiquidError as error:
        # Liquid's own words may quote what the person wrote.
        raise TemplateError(f"{template.file}: its {part} cannot be rendered ({type(error).__name__})") from None
