"""Starts on an enrolment as well, and is never the one that is named; walked by nobody."""

from events import Enrolled
from workflows import User, days, journey


@journey(starts_on=Enrolled, kind="proactive")
async def bystander(user: User, enrolled: Enrolled) -> None:
    await user.sleep(days(1))
