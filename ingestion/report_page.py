"""The page that shows what journeys achieved, and its tables as files."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from errors import NotAdmitted, NotPermitted, ReportError
from reporting.page import STYLE_HASH, problem_page, report_page
from reporting.period import Period, period_of
from reporting.report import Report, report_of
from reporting.tables import tables_of
from storage.database import Database
from workflows.catalogue import Catalogue

from .answers import problem, refused
from .keys import Keys, write_key
from .local import is_local

FRESH = 60.0
"""Seconds for which a report is shown again without counting anew."""
KEPT = 8
"""Reports that are kept for so long."""
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}
Days = tuple[object, ...]


class Reports:
    """Counts one report at a time, and keeps the last ones for a minute: whoever loads the page anew costs nothing."""

    def __init__(
        self, database: Database, *, holdout: float, zone: str, catalogue: Callable[[], Catalogue] = Catalogue.load
    ) -> None:
        self._database = database
        self._holdout = holdout
        self._zone = ZoneInfo(zone)
        self._load = catalogue
        self._catalogue: Catalogue | None = None
        self._counting = asyncio.Lock()
        self._kept: dict[Days, tuple[float, Report]] = {}

    def period(self, request: Request) -> Period:
        """The one that is asked for; ReportError for what is none."""
        asked = request.query_params
        first, last, window = (asked.get(name, "") for name in ("from", "to", "window"))
        return period_of(first, last, window, self._zone, datetime.now(UTC))

    async def of(self, period: Period) -> Report:
        """What is counted, at most a minute ago."""
        days = (period.first, period.last, period.window)
        async with self._counting:
            if days in self._kept and time.monotonic() - self._kept[days][0] < FRESH:
                return self._kept[days][1]
            if self._catalogue is None:
                self._catalogue = self._load()
            report = await report_of(self._database, self._catalogue, period, self._holdout)
            self._kept.pop(days, None)
            self._kept[days] = time.monotonic(), report
            for oldest in [*self._kept][:-KEPT]:
                del self._kept[oldest]
            return report


def report_routes(reports: Reports, keys: Keys, shop: str) -> list[Route]:
    """`GET /report` and `GET /report/{table}.csv`, for this machine and for keys with the scope `report`."""

    async def page(request: Request) -> Response:
        if (closed := await _closed(request, keys)) is not None:
            return closed
        try:
            period = reports.period(request)
        except ReportError as error:
            return HTMLResponse(problem_page(str(error), shop), 400, HEADERS)
        try:
            return HTMLResponse(report_page(await reports.of(period), shop), headers=HEADERS)
        except ReportError as error:
            return HTMLResponse(problem_page(str(error), shop), 503, HEADERS)

    async def file(request: Request) -> Response:
        if (closed := await _closed(request, keys)) is not None:
            return closed
        try:
            period = reports.period(request)
        except ReportError as error:
            return refused(error)
        try:
            tables = {table.name: table for table in tables_of(await reports.of(period))}
        except ReportError as error:
            return problem(503, str(error), {"Retry-After": "60"})
        wanted = request.path_params["table"]
        if wanted not in tables:
            return problem(404, f"There is no such table; there are {', '.join(tables)}.")
        text = io.StringIO(newline="")
        csv.writer(text).writerows(tables[wanted].written())
        name = f"{wanted}-{period.first}-{period.last}.csv"
        return Response(
            text.getvalue(),
            media_type="text/csv",
            headers=HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return [
        Route("/report", page, methods=["GET"]),
        Route("/report/{table}.csv", file, methods=["GET"]),
    ]


async def _closed(request: Request, keys: Keys) -> Response | None:
    """The answer to somebody who may not see what the business earns."""
    if is_local(request):
        return None
    try:
        await keys.admit(write_key(request.headers), "report")
    except NotPermitted as error:
        return refused(error)
    except NotAdmitted:
        asked_for = {"WWW-Authenticate": 'Basic realm="a key as user name"'}
        return problem(401, "This is what the business earns: sign in with a key as the user name.", asked_for)
    return None
