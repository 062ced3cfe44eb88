"""How an email reaches SendGrid, and what each of its answers means."""

from __future__ import annotations

import json
import logging
import math
import re
import time
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.error import URLError

from python_http_client import Client
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from errors import InDoubt, NeverSent, ProviderError, Refused, SettingsError, TryLater
from messages import RenderedEmail

from .bounded import Call, Unsent
from .envelope import Envelope
from .threads import Threads

# At DEBUG the client library logs the API key and every body. A filter, because a level or `disabled` set here would be
# undone by the next logging.config.
logging.getLogger("python_http_client.client").addFilter(lambda record: False)

FIELD = re.compile(
    r"(personalizations|from|reply_to|subject|content|headers|categories)"
    r"(\.(\d{1,4}|to|email|name|custom_args|send_key|type|value)){0,6}"
)
"""The fields that an error may name: those of the bodies we build. Anything else may quote the message."""
MENDING = timedelta(minutes=5)
"""How long a person may take to mend credentials before the message is offered again."""


class SendGrid:
    """Email by SendGrid's v3 mail/send.

    `sender` is (address, name). At most `threads` calls run at once; a call that had to wait for a thread for half of
    `call_timeout` (seconds) is not begun. No byte of a call leaves later than `call_timeout` after it was asked for.
    """

    name = "sendgrid"

    def __init__(
        self,
        api_key: str,
        *,
        sender: tuple[str, str],
        reply_to: str | None,
        host: str = "https://api.sendgrid.com",
        threads: int = 16,
        call_timeout: float = 9.0,
    ) -> None:
        # http.client quotes a header value that it refuses in its error, and an empty key is looked up elsewhere.
        if not re.fullmatch(r"[!-~]+", api_key):
            raise SettingsError(
                "SENDGRID_API_KEY is empty, or holds a space, a line break or a letter that is not ASCII"
            )
        self._api_key = api_key
        self._sender = sender
        self._reply_to = reply_to
        self._host = host.rstrip("/")
        self._call_timeout = call_timeout
        self._threads = Threads("SendGrid", threads, call_timeout)

    async def send(self, envelope: Envelope) -> str:
        """Hand it over within `call_timeout`; returns X-Message-Id, raises only ProviderErrors."""
        if not isinstance(envelope.rendered, RenderedEmail):
            raise Refused(f"SendGrid sends email only; this is for the channel {envelope.channel}")
        body = mail(envelope, envelope.rendered, sender=self._sender, reply_to=self._reply_to)
        return await self._threads.call(partial(self._post, body))

    async def close(self) -> None:
        """Take no more, drop what waits, and wait for the calls that run."""
        await self._threads.close()

    def _post(self, body: dict[str, Any], call: Call) -> str | ProviderError:
        """One call, in a thread; errors are returned."""
        if call.deadline - time.monotonic() < self._call_timeout / 2:
            # With too little time left even a healthy call would end in doubt, which is worse than later.
            return NeverSent("SendGrid was not called: every thread was busy")
        try:
            # Not SendGridAPIClient.send(): it has no timeout.
            response = _Client(self._api_key, self._host, call).post(request_body=body)
        except HTTPError as error:
            return refusal(error.status_code, error.headers, error.body)
        except Exception as error:
            reason = error.reason if isinstance(error, URLError) else error
            if not call.has_begun:
                told = "too late" if isinstance(error, Unsent) else type(reason).__name__
                return NeverSent(f"SendGrid was not reached: {told}")
            return InDoubt(f"The call to SendGrid broke: {type(reason).__name__}")
        if response.status_code != 202:
            return InDoubt(f"SendGrid answered {response.status_code} where 202 was expected")
        return str(response.headers.get("X-Message-Id", ""))


class _Client(Client):  # type: ignore[misc]  # the library has no types
    """The library's client of mail/send, for one call and within its deadline."""

    def __init__(self, api_key: str, host: str, call: Call) -> None:
        headers = SendGridAPIClient(api_key, host=host).client.request_headers
        super().__init__(host=host, request_headers=headers, version=3, url_path=["mail", "send"])
        self._call = call

    def _make_request(self, opener: Any, request: Any, timeout: Any = None) -> Any:
        # The library's own opener gives each address and each piece of the answer the whole time.
        return super()._make_request(self._call.opener(), request, timeout)


def mail(envelope: Envelope, email: RenderedEmail, *, sender: tuple[str, str], reply_to: str | None) -> dict[str, Any]:
    """The body of POST /v3/mail/send, as SendGrid's OpenAPI describes it."""
    address, name = sender
    body: dict[str, Any] = {
        # SendGrid's webhooks bring custom_args back, readable by anyone who reads those: nothing personal.
        "personalizations": [{"to": [{"email": envelope.address}], "custom_args": {"send_key": envelope.send_key}}],
        "from": {"email": address, "name": name} if name else {"email": address},
        "subject": email.subject,
        # RFC 2046: the plainest first; SendGrid refuses any other order.
        "content": [{"type": "text/plain", "value": email.text}, {"type": "text/html", "value": email.html}],
        "categories": [label[:255] for label in dict.fromkeys((envelope.topic, envelope.template)) if label],
    }
    if reply_to:
        body["reply_to"] = {"email": reply_to}
    if envelope.kind != "transactional" and envelope.unsubscribe_url:
        # RFC 8058: both headers, or mailbox providers offer no one-click unsubscribe.
        body["headers"] = {
            "List-Unsubscribe": f"<{envelope.unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    return body


def refusal(status: int, headers: Any, body: bytes) -> ProviderError:
    """What an HTTP error status means; the text names the status and the field, nothing of the message."""
    if status == 429:
        return TryLater("SendGrid answered 429: over its rate limit", wait_asked(headers, time.time()))
    if status == 503:
        # RFC 9110, and SendGrid's own list of statuses: it is not available, and has taken nothing.
        return TryLater("SendGrid answered 503: it is not available just now", wait_asked(headers, time.time()))
    if status in (401, 403):
        # Ours to mend, and no fault of the message: it waits.
        return TryLater(
            f"SendGrid answered {status}: check SENDGRID_API_KEY, its right to send mail, and the verified sender",
            MENDING,
        )
    if status == 413:
        return Refused("SendGrid answered 413: the message is larger than it takes; make the template smaller")
    # 408 comes from something in between that gave up: what became of the call is not known.
    if 400 <= status < 500 and status != 408:
        field = field_named(body)
        return Refused(f"SendGrid answered {status}" + (f" for the field {field}" if field else ""))
    return InDoubt(f"SendGrid answered {status}: it may have accepted the message")


def wait_asked(headers: Any, now: float) -> timedelta:
    """How long a 429 or 503 asks us to wait, from 1 s to 1 h; a minute where it does not say. `now` is Unix time."""
    after, reset = str(headers.get("Retry-After", "")), str(headers.get("X-RateLimit-Reset", ""))
    # Retry-After first: it does not depend on our clock.
    for text, since in ((after, 0.0), (reset, now)):
        try:
            seconds = float(text) - since
        except ValueError:
            continue
        if math.isfinite(seconds):
            return within(seconds)
    try:
        moment = parsedate_to_datetime(after)
    except ValueError:
        return timedelta(minutes=1)
    # A date in -0000 is UTC but comes back naive.
    return within((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)


def within(seconds: float) -> timedelta:
    """A wait that neither hammers nor forgets."""
    return timedelta(seconds=min(max(seconds, 1.0), 3600.0))


def field_named(body: bytes) -> str | None:
    """The field of our body that SendGrid's error names; None where it names none, or something else."""
    try:
        field = json.loads(body)["errors"][0]["field"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return field if isinstance(field, str) and FIELD.fullmatch(field) else None
