"""Greet whoever has a whole profile and watched a video, every time anew; walked by tests only."""

from events import VideoPlaybackCompleted
from workflows import User, always, email, hours, journey


@journey(
    starts_on=VideoPlaybackCompleted,
    where=lambda video, person: (video.content_asset_id or "").startswith("fan-") and person.profile_complete,
    one_per="content_asset_id",
    again=always,
)
async def fan(user: User, video: VideoPlaybackCompleted) -> None:
    await user.send(email("onboarding/welcome"))
    await user.sleep(hours(1))
