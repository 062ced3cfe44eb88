"""Write where the person reads it, if there is anything to recommend; walked by tests only."""

from events import FileDownloaded
from workflows import User, email, first_of, journey, message


@journey(starts_on=FileDownloaded, where=lambda file, person: file.file_name == "advised")
async def advised(user: User, file: FileDownloaded) -> None:
    person = await user.profile()
    picks = await user.recommend(2)
    if not picks or (person.buy_probability or 0) > 0.99:
        return
    channel = await user.best_channel()
    await user.send(
        first_of(
            message("onboarding/first_look", channel=channel, picks=picks),
            email("onboarding/first_look", picks=picks),
        )
    )
