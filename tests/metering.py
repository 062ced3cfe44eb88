"""What work on Temporal costs: billed actions, counted on a server that nobody else uses."""

from __future__ import annotations

import re
import time
import urllib.request
from collections import Counter
from pathlib import Path

from stack import TemporalServer
from tests.servers import free_port, wait_until

ACTION = re.compile(r'^action\{action_type="(\w+)"[^}]*namespace="default"[^}]*\} (\d+)', re.MULTILINE)
TIMELAPSE = "grpc_UpdateWorkflowExecutionOptions"
"""What moving a run ahead counts as; nobody does that in production."""


class Meter:
    """Counts billed actions from the moment it is set to zero; `kinds` says which ones the last count found."""

    def __init__(self, server: TemporalServer) -> None:
        self.kinds: Counter[str] = Counter()
        self._url = str(server.metrics_url)
        self._before: Counter[str] = Counter()

    @classmethod
    async def at_zero(cls, server: TemporalServer) -> Meter:
        meter = cls(server)
        meter._before = await meter._settled()
        return meter

    async def spent(self) -> int:
        """Billed actions since then."""
        self.kinds = await self._settled() - self._before
        return self.kinds.total()

    async def _settled(self) -> Counter[str]:
        """The server publishes its counters once a second: they must have stood still for two."""
        seen, since = self._now(), time.monotonic()

        def still() -> bool:
            nonlocal seen, since
            if (now := self._now()) != seen:
                seen, since = now, time.monotonic()
            return time.monotonic() - since > 2

        await wait_until(still, 30)
        return seen

    def _now(self) -> Counter[str]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        counted: Counter[str] = Counter()
        with opener.open(self._url, timeout=5) as answer:
            for kind, count in ACTION.findall(answer.read().decode()):
                if kind != TIMELAPSE:
                    counted[kind] += int(count)
        return counted


def undisturbed(folder: Path) -> TemporalServer:
    """A server of one's own, so that every action on it is ours; to be used with `async with`."""
    return TemporalServer(
        folder, port=free_port(), ui_port=free_port(), metrics_port=free_port(), time_skipping=True, database=False
    )
