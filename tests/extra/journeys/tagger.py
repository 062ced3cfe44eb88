"""Tell the shop's CRM that somebody has downloaded a file, unless they buy first; walked by tests only."""

from events import FileDownloaded, OrderCompleted
from workflows import User, journey, webhook


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "tagger",
    ends_on=OrderCompleted,
)
async def tagger(user: User, file: FileDownloaded) -> None:
    await user.send(webhook("crm/tagged", tag="downloaded"))
