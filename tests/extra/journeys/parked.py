"""Wait for a moment, then twice for a time of day, as the file name says; walked by tests only."""

from datetime import time
from typing import cast

from events import FileDownloaded
from workflows import User, email, journey
from workflows.user import Weekday


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: (file.file_name or "").startswith("parked "),
)
async def parked(user: User, file: FileDownloaded) -> None:
    # "parked 2027-03-27T20:00 09:00 mon tue": when to begin, the time of day, and the days it may be.
    _, begin, clock, *weekdays = (file.file_name or "").split()
    for moment in (begin, time.fromisoformat(clock), time.fromisoformat(clock)):
        if await user.until(moment, weekdays=cast("tuple[Weekday, ...]", tuple(weekdays))):
            await user.send(email("onboarding/welcome"))
