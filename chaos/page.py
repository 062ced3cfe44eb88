"""The report for people: one page that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .result import Bar, Part, Result

COUNTS = (
    "acknowledged",
    "wanted",
    "accepted",
    "withheld",
    "refused",
    "unknown",
    "repeated",
    "lost_events",
    "lost",
    "twice",
    "unexpected",
)
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b1f24 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2.5rem 0 .3rem }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #d5dae0; text-align: right; font-weight: normal }
th { color: #57606a } th:first-child, td:first-child { text-align: left }
.sizes :is(th, td):last-child { text-align: left }
.yes { color: #116329 } .no { color: #b00020; font-weight: 600 } ul { margin: .3rem 0 } figcaption, li { color: #57606a }
.problem { color: #b00020 } svg { display: block; max-width: 100% } figure { margin: 1rem 0 }
"""


def page_of(results: Sequence[Result], seed: int, size: float) -> str:
    """The whole page."""
    holds = all(result.holds for result in results)
    verdict = '<p class="yes">All hold.</p>' if holds else '<p class="no">Not all hold.</p>'
    sections = "".join(map(_section, results))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Chaos</title>'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style></head><body><h1>Chaos</h1><p>Seed {seed}, size {size:g}.</p>{verdict}{sections}</body></html>\n"
    )


def _section(result: Result) -> str:
    verdict = '<span class="yes">holds</span>' if result.holds else '<span class="no">does not hold</span>'
    head = f"<h2>{escape(result.scenario)} {escape(result.title)}, {result.database}: {verdict}</h2>"
    head += f"<p>Seed {result.seed}, {result.seconds:.0f} s.</p>"
    problems = [*result.problems, *(problem for part in result.parts for problem in part.tally.problems)]
    return (
        head
        + _sizes(result.parts)
        + _counts(result.parts)
        + (_picture(result.bars, result.caption) if result.bars else "")
        + _list(problems, "problem")
        + _list(result.notes, "note")
    )


def _sizes(parts: Sequence[Part]) -> str:
    rows = [
        [
            part.name,
            f"{part.asked:,} {part.unit}",
            f"{part.reached:,}",
            ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in part.faults.items()) or "none",
        ]
        for part in parts
    ]
    return _table(["part", "asked for", "reached", "faults that happened"], rows, "sizes")


def _counts(parts: Sequence[Part]) -> str:
    rows = [
        [part.name, *(f"{getattr(part.tally, name):,}" for name in COUNTS), "yes" if part.tally.holds else "no"]
        for part in parts
    ]
    return _table(["part", *(name.replace("_", " ") for name in COUNTS), "holds"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "counts") -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'


def _list(lines: Sequence[str], kind: str) -> str:
    return "<ul>" + "".join(f'<li class="{kind}">{escape(line)}</li>' for line in lines) + "</ul>" if lines else ""


def _picture(bars: Sequence[Bar], caption: str) -> str:
    """Horizontal bars with their values; a bar of nothing is a line."""
    longest = max((bar.value for bar in bars), default=0) or 1
    drawn = []
    for place, bar in enumerate(bars):
        top, width = place * 34, max(round(420 * bar.value / longest), 1)
        drawn.append(
            f'<text x="270" y="{top + 20}" text-anchor="end">{escape(bar.label)}</text>'
            f'<rect x="280" y="{top + 4}" width="{width}" height="24" fill="{"#b00020" if bar.value else "#116329"}"/>'
            f'<text x="{288 + width}" y="{top + 20}">{bar.value:,}</text>'
        )
    height = len(bars) * 34
    return (
        f'<figure><svg viewBox="0 0 780 {height}" width="780" height="{height}" role="img" font-size="14">'
        f"<title>{escape(caption)}</title>{''.join(drawn)}</svg><figcaption>{escape(caption)}</figcaption></figure>"
    )
