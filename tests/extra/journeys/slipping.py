"""Ask after whoever has stayed away for a month, unless they buy; walked by tests only."""

from events import OrderCompleted, SegmentEntered
from workflows import User, days, email, entered, journey


@journey(
    starts_on=entered("at_risk"), where=lambda segment, person: person.trait("plan") != "none", ends_on=OrderCompleted
)
async def slipping(user: User, segment: SegmentEntered) -> None:
    await user.send(email("onboarding/welcome"))
    await user.sleep(days(7))
