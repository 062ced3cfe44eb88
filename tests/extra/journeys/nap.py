"""Let a long time pass, then say one thing by push and another by email; walked by tests only."""

from events import FileDownloaded, OrderCompleted
from workflows import User, days, email, journey, push


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "nap",
    ends_on=OrderCompleted,
)
async def nap(user: User, file: FileDownloaded) -> None:
    await user.sleep(days(30))
    await user.send(push("onboarding/first_look"))
    await user.send(email("onboarding/welcome"))
