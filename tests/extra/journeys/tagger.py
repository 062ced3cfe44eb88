"""Tell the shop's CRM that somebody has downloaded a file; walked by tests only."""

from events import FileDownloaded
from workflows import User, journey, webhook


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "tagger",
)
async def tagger(user: User, file: FileDownloaded) -> None:
    await user.send(webhook("crm/tagged", tag="downloaded"))
