"""Let a long time pass, unless the person wants to hear nothing more of something; walked by tests only."""

from events import FileDownloaded, Unsubscribed
from workflows import User, days, email, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "leaver",
    ends_on=Unsubscribed,
)
async def leaver(user: User, file: FileDownloaded) -> None:
    await user.sleep(days(30))
    await user.send(email("onboarding/welcome"))
