"""What is made of a message whose AMQP properties cannot be read: the message, without those."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any


def be_lenient() -> None:
    """Let the library leave out what it cannot read of a message's properties, in this process from now on.

    It would close the connection, get the same message again, and so for ever: one publisher that writes its timestamps in
    nanoseconds, or its headers in Latin-1, would stop the whole queue.
    """
    from pamqp.commands import Basic

    if getattr(Basic.Properties.unmarshal, "is_lenient", False):
        return
    strict = Basic.Properties.unmarshal

    def unmarshal(self: Any, flags: int, data: bytes) -> None:
        with suppress(ValueError, OverflowError, struct.error):
            strict(self, flags, data)

    unmarshal.is_lenient = True  # type: ignore[attr-defined]
    Basic.Properties.unmarshal = unmarshal  # type: ignore[method-assign]
