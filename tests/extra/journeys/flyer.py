"""Advertise at once; walked by tests only."""

from events import FileDownloaded
from workflows import User, email, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "flyer",
    priority=1,
)
async def flyer(user: User, file: FileDownloaded) -> None:
    await user.send(email("onboarding/first_look"))
