"""Thank whoever has just become a regular, every time anew; walked by tests only."""

from events import SegmentEntered
from workflows import User, after, email, entered, journey, seconds


@journey(starts_on=entered("high_value"), again=after(seconds(0)))
async def regular(user: User, segment: SegmentEntered) -> None:
    await user.send(email("onboarding/welcome"))
