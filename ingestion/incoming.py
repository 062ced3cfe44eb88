"""What every front door makes of what a client sent, before anything is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from errors import EventError
from events import Event

KINDS = Event.kinds()


@dataclass(frozen=True)
class Incoming:
    """One message of a client, in our words. `properties`, `traits` and `context` are JSON as it came."""

    event_id: str
    name: str
    occurred_at: datetime
    received_at: datetime
    user_id: str | None
    anonymous_id: str | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    ip: str | None = field(default=None, repr=False)
    """The person's address, as the client reported it; used to look up the place and never stored."""
    peer: str | None = field(default=None, repr=False)
    """The address the request came from."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """A hash of all that may not change when the same message is delivered again."""
        body = [self.name, self.user_id, self.anonymous_id, self.properties, self.traits]
        return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def checked(incoming: Incoming) -> Incoming:
    """The same message if the fields its event declares are right; EventError names the first that is not."""
    kind = KINDS.get(incoming.name)
    if kind is not None:
        try:
            kind.model_validate(
                {**incoming.properties, "event_id": incoming.event_id, "occurred_at": incoming.occurred_at}
            )
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise EventError(
                f"{incoming.name}: {place}: {first['msg']}. Mend that field and send the event again."
            ) from None
    return incoming
