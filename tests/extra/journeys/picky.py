"""Ask a question at the door that cannot be answered for somebody without an order; walked by tests only."""

from events import FileDownloaded
from workflows import User, email, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "picky" and person.spent / person.orders > 0,
)
async def picky(user: User, file: FileDownloaded) -> None:
    await user.send(email("onboarding/welcome"))
