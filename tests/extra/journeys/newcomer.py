"""Greet whoever has a whole profile, by name; walked by tests only."""

from events import FileDownloaded
from workflows import User, email, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "newcomer" and person.profile_complete,
)
async def newcomer(user: User, file: FileDownloaded) -> None:
    await user.send(email("onboarding/welcome"))
