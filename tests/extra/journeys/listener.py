"""Sleep an hour, then count the videos that a person watches until a day passes without one; walked by tests only."""

from events import FileDownloaded, VideoPlaybackCompleted
from workflows import User, days, email, hours, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "listener",
)
async def listener(user: User, file: FileDownloaded) -> None:
    await user.sleep(hours(1))
    count = 0
    while await user.wait_for(VideoPlaybackCompleted, within=days(1)):
        count += 1
    await user.send(email("onboarding/welcome", link=f"https://shop.example.com/seen-{count}-videos"))
