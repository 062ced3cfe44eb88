"""From a moment on, wait a day as the file name means it: one of the calendar, or 24 hours; walked by tests only."""

from events import FileDownloaded
from workflows import User, days, email, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: (file.file_name or "").startswith("overnight "),
)
async def overnight(user: User, file: FileDownloaded) -> None:
    # "overnight calendar 2027-03-28": which kind of day, and on which one it begins.
    _, kind, begin = (file.file_name or "").split()
    await user.until(begin)
    if kind == "calendar":
        await user.until(user.now().date() + days(1))
    else:
        await user.sleep(days(1))
    await user.send(email("onboarding/welcome"))
