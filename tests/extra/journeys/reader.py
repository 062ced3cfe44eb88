"""Send a mail, and another that says whether somebody read the first within a day; walked by tests only."""

from events import EmailClicked, EmailOpened, FileDownloaded
from workflows import User, days, email, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "reader",
)
async def reader(user: User, file: FileDownloaded) -> None:
    await user.send(email("onboarding/welcome"))
    read = await user.wait_for(EmailOpened, EmailClicked, within=days(1))
    told = "unread" if read is None else read.event_name.replace(" ", "-").lower()
    if isinstance(read, EmailClicked):
        told = f"{told}/{read.link}/{user.location.zone}"
    await user.send(email("onboarding/welcome", link=f"https://shop.example.com/{told}"))
