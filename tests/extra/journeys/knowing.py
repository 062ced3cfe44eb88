"""Speak to people by who they are: engagement, device and plan; walked by tests only."""

from events import FileDownloaded, ProductViewed
from workflows import User, email, journey, push


@journey(starts_on=FileDownloaded, where=lambda file, person: file.file_name == "knowing")
async def knowing(user: User, file: FileDownloaded) -> None:
    person = await user.profile()
    if person.trait("plan") != "pro" or person.did(ProductViewed).week < 2:
        return
    if "browses_mobile_buys_desktop" in person.segments and person.engagement_level == "medium":
        await user.send(email("onboarding/welcome"))
    else:
        await user.send(push("onboarding/first_look"))
