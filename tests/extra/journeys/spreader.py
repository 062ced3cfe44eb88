"""Write after an hour; whom support had paused by then is written to within the hour that follows; walked by tests only."""

from events import FileDownloaded
from workflows import User, email, hours, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "spreader",
    when_resumed="spread",
)
async def spreader(user: User, file: FileDownloaded) -> None:
    await user.sleep(hours(1))
    await user.send(email("onboarding/welcome"))
