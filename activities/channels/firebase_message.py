"""What Firebase is given to say, so that of two copies of a message only one is ever seen."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

from firebase_admin import messaging

from messages import RenderedCard

from .envelope import Envelope

LONGEST = timedelta(days=28)
"""How long Firebase keeps a message for a device that is switched off."""


def message_of(envelope: Envelope, card: RenderedCard, icon: str, now: float) -> messaging.Message:
    """The message as firebase-admin takes it; `now` is Unix time.

    Whichever platform the device is, a second copy bears the same tag and replaces the first.
    """
    tag = hashlib.sha256(envelope.send_key.encode()).hexdigest()[:32]
    left = seconds(envelope.valid_for)
    # Firebase refuses any other scheme for a web push; apps find the link among the data.
    link = card.link if card.link.startswith("https://") else None
    image = card.image if card.image.startswith("https://") else None
    data = {"send_key": envelope.send_key, "template": envelope.template, "link": card.link}
    message = messaging.Message(
        notification=messaging.Notification(title=card.title, body=card.body, image=image),
        data={name: value for name, value in data.items() if value},
        android=messaging.AndroidConfig(
            collapse_key=tag,
            # High wakes a sleeping phone; Google lowers it for apps that use it for what can wait.
            priority="normal" if envelope.kind == "marketing" else "high",
            ttl=left,
            notification=messaging.AndroidNotification(tag=tag),
        ),
        apns=messaging.APNSConfig(
            headers={"apns-collapse-id": tag} | ({} if left is None else {"apns-expiration": str(int(now) + left)}),
            payload=messaging.APNSPayload(
                # An app may only fetch the picture of a notification that is mutable.
                messaging.Aps(thread_id=envelope.topic or None, mutable_content=True if image else None)
            ),
        ),
        webpush=messaging.WebpushConfig(
            headers={} if left is None else {"TTL": str(left)},
            notification=messaging.WebpushNotification(tag=tag, icon=icon or None),
            fcm_options=messaging.WebpushFCMOptions(link=link),
        ),
        fcm_options=messaging.FCMOptions(analytics_label=re.sub(r"[^A-Za-z0-9_.~%-]", "-", envelope.template)[:50]),
    )
    # Given to the constructor, a token is warned of as deprecated; many apps still have nothing else.
    setattr(message, envelope.address_kind, envelope.address)
    return message


def seconds(valid_for: timedelta | None) -> int | None:
    """How long Firebase, Apple and browsers are to keep it; None for as long as they do by themselves."""
    return None if valid_for is None else int(min(max(valid_for, timedelta()), LONGEST).total_seconds())
