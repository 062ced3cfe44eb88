"""How an email body written in MJML becomes HTML and a plain part, both still with their Liquid, once at load time.

No data ever reaches MJML: its compiler sees a mark in place of each piece of Liquid, and the pieces are put back into
what it made. So sending renders Liquid only, and nothing that a person wrote can become a tag.
"""

from __future__ import annotations

import re

import mrml
from inscriptis import get_text  # type: ignore[import-untyped]

from errors import TemplateError

_TAG = re.compile(
    "mjml|mj-(?:head|body|attributes|all|class|breakpoint|font|preview|style|title|accordion(?:-element|-text|-title)?"
    "|button|carousel|carousel-image|column|divider|group|hero|image|navbar|navbar-link|raw|section|social"
    "|social-element|spacer|table|text|wrapper)"
)
_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_MARK = re.compile(r"liquid([0-9]+)piece")
_URL = re.compile(r"""\s(?:href|src|srcset|background|action|poster)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_VALUE = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
_REFUSED = {
    "JavaScript": re.compile(r"<script|<[^>]*\son\w+\s*=", re.IGNORECASE),
    "Liquid inside a style": re.compile(
        r"""<[^>]*\sstyle\s*=\s*(?:"[^"]*|'[^']*)liquid[0-9]+piece|<style[^>]*>[^<]*liquid[0-9]+piece""", re.IGNORECASE
    ),
}


def compile_mjml(source: str) -> tuple[str, str]:
    """The HTML and the plain part of an MJML document, both Liquid templates; TemplateError says what to mend."""
    for tag in re.findall(r"</?(mj[\w-]*)", source):
        if not _TAG.fullmatch(tag):  # mrml would leave it out without a word
            raise TemplateError(f"<{tag}> is not an MJML tag; mend its spelling")
    pieces: list[str] = []

    def mark(match: re.Match[str]) -> str:
        pieces.append(match[0])
        return f"liquid{len(pieces) - 1}piece"

    marked = _LIQUID.sub(mark, source)
    try:
        # Without its table of fonts mrml adds no link to Google.
        html = mrml.to_html(marked.strip(), None, mrml.RenderOptions(fonts={})).content
    except OSError as error:
        raise TemplateError(f"this is not MJML ({error}); close every tag and write < as &lt;") from None
    _check(html, pieces)
    return _restore(html, pieces), _restore(_plain_part(marked, pieces), pieces)


def _check(html: str, pieces: list[str]) -> None:
    """Refuse what the compiler lost or repeated, and every place where escaping would not be enough."""
    found = [int(number) for number in _MARK.findall(html)]
    for number, piece in enumerate(pieces):
        count = found.count(number)
        if count == 0 or (count > 1 and piece.startswith("{%")):
            raise TemplateError(f"MJML has no place for {piece} where it stands; move it into text or <mj-raw>")
    tags = [number for number in found if pieces[number].startswith("{%")]
    if tags != sorted(tags):
        raise TemplateError("MJML changes the order of the Liquid tags; move each into text or <mj-raw>")
    for what, pattern in _REFUSED.items():
        if pattern.search(html):
            raise TemplateError(f"{what} is not allowed in an email; take it out")
    if match := re.search(r"<[^<>]*liquid([0-9]+)piece[^<>]*>", _VALUE.sub("=", html)):
        raise TemplateError(f"{pieces[int(match[1])]} is inside a tag; put it into an attribute's quotes or outside")
    for match in _URL.finditer(html):
        value = match[1] or match[2] or ""
        if re.match(r"https?://|mailto:", value):
            continue
        for number in _MARK.findall(value):
            piece = pieces[int(number)]
            if piece.startswith("{{") and not re.search(r"\|\s*link\b", piece):
                raise TemplateError(f"{piece} is an address; write it with `| link`")


def _restore(text: str, pieces: list[str]) -> str:
    return _MARK.sub(lambda match: pieces[int(match[1])], text)


def _plain_part(marked: str, pieces: list[str]) -> str:
    """The words of the document, as they would be read aloud; links keep their address."""
    body = re.sub(r"<mj-head>.*?</mj-head>|<!--.*?-->|<mj-image\b[^>]*?/>|<img\b[^>]*>", "", marked, flags=re.DOTALL)
    body = re.sub(r"<mj-(?:divider|spacer)\b[^>]*/>", "", body)
    body = re.sub(r'<mj-button\b[^>]*?\bhref="([^"]*)"[^>]*>(.*?)</mj-button>', r"<p>\2: \1</p>", body, flags=re.DOTALL)
    body = re.sub(r'<a\b[^>]*?\bhref="([^"]*)"[^>]*>(.*?)</a>', _spoken_link, body, flags=re.DOTALL)
    body = re.sub(r"<(/?)mj-text\b[^>]*>", r"<\1p>", body)
    body = re.sub(r"<(/?)(?:mjml|mj-[\w-]+|table|tbody|thead|tr)\b[^>]*>", r"<\1div>", body)
    body = re.sub(r"</t[dh]>", "</span> ", re.sub(r"<t[dh]\b[^>]*>", "<span>", body))
    lines = [" ".join(line.split()) for line in get_text(f"<html><body>{body}</body></html>").splitlines()]
    # A line that is nothing but Liquid tags leaves no line behind.
    return "".join(line if _only_tags(line, pieces) else f"{line}\n" for line in lines)


def _only_tags(line: str, pieces: list[str]) -> bool:
    numbers = _MARK.findall(line)
    return bool(numbers) and not _MARK.sub("", line).strip() and all(pieces[int(n)].startswith("{%") for n in numbers)


def _spoken_link(match: re.Match[str]) -> str:
    address, words = match[1], match[2].strip()
    if not words or address.startswith("mailto:") or words == address:
        return words
    return f"{words} ({address})"
