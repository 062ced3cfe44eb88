"""Show a message on the site, and write to whoever clicked it; walked by tests only."""

from events import FileDownloaded, InAppClicked
from workflows import User, days, email, in_app, journey


@journey(
    starts_on=FileDownloaded,
    where=lambda file, person: file.file_name == "clicker",
)
async def clicker(user: User, file: FileDownloaded) -> None:
    await user.send(in_app("onboarding/first_look"))
    click = await user.wait_for(InAppClicked, within=days(1))
    told = "unclicked" if click is None else f"{click.template}/{click.topic}/{click.link}"
    await user.send(email("onboarding/welcome", link=f"https://shop.example.com/{told}"))
