"""Wait for the day of the profile on which a contract ends, under the rule that the file name holds; walked by tests only."""

from typing import cast

from events import FileDownloaded
from workflows import User, email, journey
from workflows.user import Unusable


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: (file.file_name or "").startswith("renewal "),
)
async def renewal(user: User, file: FileDownloaded) -> None:
    _, rule = (file.file_name or "").split()
    person = await user.profile()
    due = await user.until(person.date("renews_at"), unusable=cast("Unusable", rule))
    await user.send(email("onboarding/welcome", link=f"https://shop.example.com/{'due' if due else 'not-due'}"))
