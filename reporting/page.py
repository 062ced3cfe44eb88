"""How a report looks: one page that loads nothing, needs no script, and prints."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from liquid import Environment
from markupsafe import Markup

from .chart import FOLDER, chart_in
from .figures import Table, days
from .period import LONGEST_WINDOW, Period
from .places import pictures
from .plots import plots_of
from .report import Report
from .tables import tables_of

_SOURCE: Final = (Path(__file__).parent.parent / "templates" / "pages" / "report.html.liquid").read_text(
    encoding="utf-8"
)
_PAGE: Final = Environment(autoescape=True).from_string(_SOURCE)
_STYLE = re.search(r"<style>(.*?)</style>", _SOURCE, re.DOTALL)
assert _STYLE is not None
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE[1].encode()).digest()).decode()
"""The only style that the page may have, for its Content-Security-Policy."""


def report_page(report: Report, shop: str) -> str:
    """The page as HTML."""
    plots = plots_of(report)
    charts = {name: chart for name in report.kinds if (chart := chart_in(FOLDER, name)) is not None}
    drawn = [{"journey": name, "picture": Markup(text)} for name, text in pictures(report, charts)]  # noqa: S704  escaped there
    return _PAGE.render(
        shop=shop,
        period=_period(report.period),
        longest=LONGEST_WINDOW,
        problem="",
        sections=[
            _section(table)
            | {"plots": _drawn(plots.get(table.name, [])), "pictures": drawn if table.name == "steps" else []}
            for table in tables_of(report)
        ],
        query=query_of(report.period),
        doubtful=[f"{one.journey}" for one in report.lifts if one.is_lopsided]
        + sorted({f"{one.journey}: {one.experiment}" for one in report.variants if one.is_lopsided}),
    )


def problem_page(problem: str, shop: str) -> str:
    """The same page with what is wrong in place of figures."""
    empty = {"first": "", "last": "", "window": "", "zone": "", "said": "", "now": "", "watched": ""}
    return _PAGE.render(
        shop=shop, period=empty, longest=LONGEST_WINDOW, problem=problem, sections=[], query="", doubtful=[]
    )


def query_of(period: Period) -> str:
    """What to ask for to have this period again."""
    return urlencode({"from": period.first.isoformat(), "to": period.last.isoformat(), "window": period.window})


def _period(period: Period) -> dict[str, str]:
    local = period.now.astimezone(period.zone)
    return {
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "window": str(period.window),
        "watched": days(period.window),
        "zone": period.zone.key,
        "said": f"{period.first:%-d %B %Y} to {period.last:%-d %B %Y}",
        "now": f"{local:%-d %B %Y %H:%M}",
    }


def _section(table: Table) -> dict[str, Any]:
    columns, rows = table.shown()
    return {
        "name": table.name,
        "title": table.title,
        "counted": table.counted,
        "nothing": table.empty,
        "columns": [{"title": column.title, "is_number": column.kind != "text"} for column in columns],
        "rows": [
            [{"text": text, "is_number": column.kind != "text"} for text, column in zip(row, columns, strict=True)]
            for row in rows
        ],
    }


def _drawn(plots: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "title": plot.title,
            "bars": [vars(bar) for bar in plot.bars],
            "spans": [vars(span) | {"is_lasting": span.far_low != span.low} for span in plot.spans],
            "zero": plot.zero,
            "left": plot.ends[0],
            "right": plot.ends[1],
        }
        for plot in plots
    ]
