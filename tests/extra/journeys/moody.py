"""Greet whoever has bought and watched a video, every time anew, and fail over whoever has not; walked by tests only."""

from events import VideoPlaybackCompleted
from workflows import User, always, email, hours, journey


@journey(
    starts_on=VideoPlaybackCompleted,
    where=lambda video, person: (
        (video.content_asset_id or "").startswith("moody-") and person.spent / person.orders > 0
    ),
    one_per="content_asset_id",
    again=always,
)
async def moody(user: User, video: VideoPlaybackCompleted) -> None:
    await user.send(email("onboarding/welcome"))
    await user.sleep(hours(1))
