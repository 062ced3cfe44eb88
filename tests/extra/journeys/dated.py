"""Wait for the date that the file name holds, under the rule it names; walked by tests only."""

from typing import cast

from events import FileDownloaded
from workflows import User, email, journey
from workflows.user import Unusable


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: (file.file_name or "").startswith("dated "),
)
async def dated(user: User, file: FileDownloaded) -> None:
    # "dated skip 2027-03-27T20:00": the rule, and the date, which may be left out.
    _, rule, *date = (file.file_name or "").split()
    due = await user.until(date[0] if date else None, unusable=cast("Unusable", rule))
    await user.send(email("onboarding/welcome", link=f"https://shop.example.com/{'due' if due else 'not-due'}"))
