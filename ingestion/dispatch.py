"""In which order Temporal is told what the router has decided, and what comes of a call that it rejects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from temporalio.service import RPCError

import tracing
from storage.runs import Entry, OpenRun, Place

from .aftercare import Aftercare
from .departures import Departures
from .rejection import Rejected, is_rejection, told_of
from .router import Action, Cancel, Inform, Start, Verify


class Dispatch:
    """Whoever calls it has the person in hand."""

    def __init__(self, departures: Departures, aftercare: Aftercare) -> None:
        self._departures = departures
        self._aftercare = aftercare

    async def carry_out(self, actions: Iterable[Action]) -> dict[Entry, str]:
        """Say it all to Temporal, in order; returns the run ids of what was started, still to be noted.

        Raises Rejected where it will never take some of it; what the same event means for other runs was said then.
        """
        started: dict[Entry, str] = {}
        run_ids: dict[Place, str] = {}
        rejected: dict[Place, str] = {}
        entries: list[Entry] = []
        for action in actions:
            if action.place in rejected:
                continue
            try:
                match action:
                    case Start(entry, event, again):
                        if (run_id := await self._aftercare.depart(entry, event, again=again)) is not None:
                            started[entry] = run_ids[entry.place] = run_id
                    case Cancel(run, event):
                        facts = {"event": event.event_name, "journey": run.place.journey}
                        with tracing.span("relay end", event.event_id, seq=event.seq, **facts):
                            await self._departures.cancel(_named(run, run_ids), action.reason)
                    case Inform(run, events):
                        if not await self._departures.inform(_named(run, run_ids), events):
                            await self._aftercare.close(run)
                    case Verify(run):
                        await self._aftercare.verify(_named(run, run_ids))
            except RPCError as error:
                if not is_rejection(error):
                    raise
                rejected[action.place] = told_of(error, type(action).__name__.lower(), action.place.journey)
                entries += [action.entry] if isinstance(action, Start) else []
        if rejected:
            raise Rejected("; ".join(rejected.values()), entries, started)
        return started


def _named(run: OpenRun, run_ids: dict[Place, str]) -> OpenRun:
    """The run with the id that its start, a moment ago, was answered with."""
    return replace(run, first_run_id=run_ids.get(run.place, run.first_run_id))
