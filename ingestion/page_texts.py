"""What the pages behind the links in messages say, and in which language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from errors import TemplateError

FALLBACK: Final = "en"
MOST_WISHES = 20


class PageTexts:
    """The catalogue: one file per language in a folder, read and compared at once."""

    def __init__(self, folder: Path) -> None:
        self._texts = {path.stem: _read(path) for path in folder.glob("*.toml")}
        expected = {place for place, _ in _leaves(self._texts[FALLBACK])}
        for language, texts in self._texts.items():
            if differing := expected ^ {place for place, _ in _leaves(texts)}:
                places = ", ".join(sorted(differing))
                raise TemplateError(f"{folder.name}/{language}.toml and {FALLBACK}.toml must say the same: {places}")

    @property
    def languages(self) -> list[str]:
        """Those that there is a file for."""
        return sorted(self._texts)

    def __getitem__(self, language: str) -> Mapping[str, Any]:
        return self._texts[language]

    def choose(self, profile: str | None, accept_language: str) -> str:
        """The language of the person's profile, else the browser's first that we have, else English."""
        for wish in (profile or "", *_wishes(accept_language)):
            if (base := re.split(r"[-_]", wish.strip().lower())[0]) in self._texts:
                return base
        return FALLBACK

    def topic(self, language: str, topic: str) -> tuple[str, str]:
        """(name, what it is about) of a topic; a topic that the catalogue does not know is called by its own name."""
        known = self._texts[language]["topics"].get(topic, {})
        return known.get("name", topic.replace("_", " ").capitalize()), known.get("about", "")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TemplateError(f"{path.parent.name}/{path.name}: cannot be read: {error}") from None


def _wishes(accept_language: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110, 12.5.4), the most wanted first."""
    weighed = []
    for item in accept_language.split(",")[:MOST_WISHES]:
        language, _, weight = item.partition(";")
        found = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight)
        weighed.append((float(found[1]) if found else 1.0, language))
    return [language for weight, language in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]


def _leaves(texts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in texts.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + name, value
