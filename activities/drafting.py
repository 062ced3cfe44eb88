"""What a message says to this person, before anybody has decided whether it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError

from errors import TemplateError
from messages import Channel, Rendered
from profiles.person import Person
from profiles.unsubscribe_links import UnsubscribeLinks
from workflows.profile import Profile
from workflows.requests import MessageRequest

from .channels.envelope import Envelope
from .front_matter import MessageDetails
from .rendering import Templates


@dataclass(frozen=True)
class Draft:
    """A message rendered for a person."""

    request: MessageRequest
    details: MessageDetails
    rendered: Rendered
    address: Address | None
    unsubscribe_url: str

    def envelope(self, send_key: str, user_id: str, valid_for: timedelta | None = None) -> Envelope:
        """The draft, ready for a provider."""
        return Envelope(
            send_key=send_key,
            user_id=user_id,
            channel=self.request.channel,
            template=self.request.template,
            topic=self.details.topic,
            kind=self.details.kind,
            rendered=self.rendered,
            address=self.address.value if self.address else "",
            address_kind=self.address.kind if self.address else "",
            valid_for=valid_for,
            unsubscribe_url=self.unsubscribe_url,
        )


class Drafting:
    """Renders messages from templates and what is known of the person."""

    def __init__(self, templates: Templates, links: UnsubscribeLinks) -> None:
        self._templates = templates
        self._links = links

    def asks(self, person: Person, message: MessageRequest) -> frozenset[str]:
        """What the message would tell that has to be looked up first; nothing where there is no such template."""
        try:
            return self._templates.asks(message.channel, message.template, person.language)
        except TemplateError:
            return frozenset()

    def draft(
        self, person: Person, profile: Profile, message: MessageRequest, recommended: Sequence[Mapping[str, Any]] = ()
    ) -> Draft:
        """The message as this person would see it; a template that cannot render raises an error that is tried again."""
        try:
            details = self._templates.details(message.channel, message.template)
            url = ""
            if details.kind != "transactional":
                url = self._links.link(person.user_id, message.channel, details.topic)
            rendered = self._templates.render(
                message.channel,
                message.template,
                language=person.language,
                data={"recommendations": [*recommended], **message.data, "unsubscribe_url": url or None},
                person=known(person, profile),
            )
        except TemplateError as error:
            # A template can be mended while people wait for it.
            raise ApplicationError(str(error), type="TemplateError") from None
        return Draft(message, details, rendered, address_of(person, message.channel), url)


def known(person: Person, profile: Profile) -> dict[str, Any]:
    """What templates may say about a person; it never leaves this process but in the message."""
    facts = profile.model_dump(mode="json", exclude={"traits", "behaviour"})
    level = profile.engagement_level
    return (
        profile.traits
        | facts
        | {"first_name": person.first_name, "segments": sorted(profile.segments), "engagement_level": level}
    )


@dataclass(frozen=True)
class Address:
    """Where a channel reaches a person; `kind` tells a registration token from an installation id, for push alone."""

    value: str = field(repr=False)
    kind: str = ""


def address_of(person: Person, channel: Channel) -> Address | None:
    """The person's address for that channel, of several the newest; None without one, and where none is needed."""
    match channel:
        case "email" if person.email:
            return Address(person.email)
        case "push" if person.tokens:
            return Address(person.tokens[-1]["value"], person.tokens[-1]["kind"])
        case _:
            return None
