"""Show a new customer around, one step at a time, until they have made the shop their own."""

from datetime import time

from events import Identified, OrderCompleted, ProductAdded, ProductViewed, SignedUp, VideoPlaybackStarted
from workflows import User, days, email, first_of, hours, in_app, journey, push


@journey(
    starts_on=SignedUp,
    ends_on=(ProductAdded, OrderCompleted),
    kind="reactive",
    priority=1,
)
async def onboarding(user: User, sign_up: SignedUp) -> None:
    await user.send(email("onboarding/welcome"))

    told = await user.wait_for(Identified, within=hours(4))
    while told and not told.profile_complete:
        told = await user.wait_for(Identified, within=hours(4))
    if told is None:
        await nudge(user, "onboarding/complete_profile")

    video = await user.wait_for(VideoPlaybackStarted, within=days(1))
    if video is None:
        await user.until(time(9))
        await nudge(user, "onboarding/first_video")

    look = await user.wait_for(ProductViewed, within=days(2))
    if look is None:
        await user.until(time(9), weekdays=("mon", "tue", "wed", "thu", "fri"))
        await nudge(user, "onboarding/first_look")

    await user.sleep(days(4))
    await user.until(time(10))
    await user.send(
        email(
            "onboarding/checklist",
            profile_done=told is not None,
            video_done=video is not None,
            look_done=look is not None,
        )
    )


async def nudge(user: User, step: str) -> None:
    """In the shop while the person is there, on the phone if we may, by email otherwise."""
    await user.send(first_of(in_app(step), push(step), email(step)))
