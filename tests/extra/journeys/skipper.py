"""Write twice, an hour apart, and say in the second what became of the first; walked by tests only."""

from events import FileDownloaded
from workflows import User, email, hours, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "skipper",
    when_resumed="skip",
)
async def skipper(user: User, file: FileDownloaded) -> None:
    await user.sleep(hours(1))
    first = await user.send(email("onboarding/welcome"))
    await user.sleep(hours(1))
    await user.send(email("onboarding/welcome", link=f"https://shop.example.com/first-{first.status}"))
