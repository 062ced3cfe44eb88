"""Wait three times for the day that the trait holds which the file name names; walked by tests only."""

from events import FileDownloaded
from workflows import User, email, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: (file.file_name or "").startswith("anniversary "),
)
async def anniversary(user: User, file: FileDownloaded) -> None:
    _, trait = (file.file_name or "").split()
    for _ in range(3):
        person = await user.profile()
        if not await user.until(person.date(trait)):
            return
        await user.send(email("onboarding/welcome"))
