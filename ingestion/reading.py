"""What follows when in-app messages were seen."""

from __future__ import annotations

from datetime import UTC, datetime

from storage.database import Database
from storage.inbox import mark_read
from storage.people import read_person, write_people


async def note_read(database: Database, user_id: str, ids: list[str], *, counts: bool = True) -> dict[str, bool]:
    """Note these as read. Returns those of them that are this person's, each with whether it was read just now.

    It `counts` as a look for the person's best hour, unless the same look is told in another way.
    """
    now = datetime.now(UTC)
    async with database.write() as connection:
        # Not lock_people, which creates who is not there: somebody who was erased stays erased.
        await database.lock(connection, [user_id])
        own = await mark_read(connection, user_id, ids, now)
        if counts and any(own.values()) and (person := await read_person(connection, user_id)) is not None:
            person.attend(now)  # once, however many messages were on the screen: it was one look
            await write_people(database, connection, [person])
    return own
