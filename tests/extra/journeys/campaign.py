"""One mail to whoever is enrolled and has not bought since; walked by tests only."""

from events import Enrolled, OrderCompleted
from workflows import User, email, journey


@journey(starts_on=Enrolled, ends_on=OrderCompleted, kind="proactive")
async def campaign(user: User, enrolled: Enrolled) -> None:
    await user.send(email("win_back/we_miss_you"))
