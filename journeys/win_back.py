"""Remind people of us who have not been here for thirty days, and once more before we let them go."""

from events import Activity
from workflows import User, always, days, email, first_of, journey, push


@journey(
    starts_on=Activity.then_quiet(days(30)),
    ends_on=Activity,
    again=always,
    kind="proactive",
    priority=4,
)
async def win_back(user: User, last: Activity) -> None:
    # Who spent a lot and who is slipping away read different words: the template knows the segments.
    await user.send(first_of(email("win_back/we_miss_you"), push("win_back/we_miss_you")))

    await user.sleep(days(7))
    await user.send(email("win_back/last_offer"))
