"""How events that were stored once are taken again as they were: with the circumstances that were found then."""

from __future__ import annotations

from typing import Any

from events import Context
from ingestion.accept import Acceptor
from ingestion.incoming import Incoming
from profiles.person import Person


class Remembering(Acceptor):
    """The shipped acceptor; of events in `contexts`, by their id, it knows where and on what they happened."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.contexts: dict[str, Context] = {}

    def _context(self, message: Incoming, person: Person | None) -> Context:
        known = self.contexts.get(message.event_id)
        return super()._context(message, person) if known is None else known
