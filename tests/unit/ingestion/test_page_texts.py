"""The words of the pages behind links: the same in every language, and in the person's own."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from errors import TemplateError
from ingestion.page_texts import PageTexts
from ingestion.pages import FOLDER
from service import offer_of
from settings import Settings

TEXTS = PageTexts(FOLDER / "texts")


@pytest.mark.parametrize(
    ("profile", "browser", "language"),
    [
        ("de", "en", "de"),
        ("de-AT", "en", "de"),
        ("DE_at", "", "de"),
        ("fr", "de", "de"),
        (None, "de-CH, en;q=0.9", "de"),
        (None, "fr, en;q=0.3, de;q=0.8", "de"),
        (None, "fr;q=1, de;q=0, *", "en"),
        (None, "de;q=high", "de"),
        (None, "", "en"),
        ("", ",;,;q=,q=1;;", "en"),
        (None, "de;q=0.1," * 5_000, "de"),
    ],
)
def test_language(profile: str | None, browser: str, language: str) -> None:
    """The profile's language counts before the browser's, of those what is wanted most, and else it is English."""
    assert TEXTS.choose(profile, browser) == language


def test_a_language_that_lacks_something(tmp_path: Path) -> None:
    """A file that does not say all that the English one says is refused when it is loaded, with the place that is missing."""
    english = (FOLDER / "texts" / "en.toml").read_text(encoding="utf-8")
    (tmp_path / "en.toml").write_text(english, encoding="utf-8")
    (tmp_path / "nl.toml").write_text(re.sub(r"(?m)^save = .*\n", "", english), encoding="utf-8")
    with pytest.raises(TemplateError, match=r"nl\.toml and en\.toml must say the same: preferences\.save"):
        PageTexts(tmp_path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is no TOML is refused by its name."""
    (tmp_path / "en.toml").write_text("save = ", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"en\.toml"):
        PageTexts(tmp_path)


def test_topics_have_names() -> None:
    """Every topic of the templates that ship has a name and an explanation in every language; others are called as they are."""
    for language in TEXTS.languages:
        for topic in offer_of(Settings()).topics:
            assert topic in TEXTS[language]["topics"], (language, topic)
            assert all(TEXTS.topic(language, topic))
    assert TEXTS.topic("de", "sms_deals") == ("Sms deals", "")


def test_english_is_not_german() -> None:
    """The German file is translated: what both say alike is a word that both languages have."""
    told = [tomllib.loads((FOLDER / "texts" / f"{name}.toml").read_text(encoding="utf-8")) for name in ("en", "de")]
    same = {value for first, second in pairwise(told) for part in first for value in _alike(first[part], second[part])}
    assert same == {"Push"}


def _alike(first: object, second: object) -> list[str]:
    if isinstance(first, dict) and isinstance(second, dict):
        return [value for name in first for value in _alike(first[name], second[name])]
    return [str(first)] if first == second else []


def test_contrast() -> None:
    """Text stands out from its ground at least as 4.5 to 1, by day and by night (WCAG 2.2)."""
    style = (FOLDER / "layout.html.liquid").read_text(encoding="utf-8")
    for palette in re.findall(r":root \{(.*?)\}", style):
        colour = dict(re.findall(r"--(\w+): #(\w+)", palette))
        texts = [("ink", "card"), ("ink", "page"), ("soft", "card"), ("soft", "page"), ("accent", "card")]
        for text, ground in [*texts, ("on", "accent"), ("ink", "good")]:
            assert _contrast(colour[text], colour[ground]) >= 4.5, (text, ground)


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    whole = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    parts = [int(whole[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
