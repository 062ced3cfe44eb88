"""How another program is called, and what each of its answers means: it gets every call at least once."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
from temporalio import activity

from errors import ProviderError, Refused, RepeatLater, TryLater
from messages import RenderedCall

from .endpoints import ADDRESSES, Endpoint, endpoint_of
from .envelope import Envelope
from .sendgrid import wait_asked

# They log addresses and headers of answers, which may hold credentials. A filter lies on one logger alone.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(lambda record: False)

LONGEST_PAUSE = timedelta(minutes=5)
AT_ONCE = 20
"""Calls to one endpoint at a time: one that hangs must not take every place that emails could be sent from."""
BUSY = timedelta(seconds=2)
ANSWER = 64 * 1024
"""Bytes of an answer that are read, so that its connection can be used again; what they say does not matter."""


class Webhooks:
    """Calls by HTTP POST, signed as Standard Webhooks.

    A call that may have arrived is made again: its `webhook-id` is the same for ever, and the receiver drops repeats.
    Redirects are not followed. An endpoint that answers 410 (Gone) is not called again by this process.
    """

    name = "webhook"

    def __init__(
        self, endpoints: Mapping[str, Endpoint], *, call_timeout: float = 9.0, verify: ssl.SSLContext | bool = True
    ) -> None:
        self._endpoints = endpoints
        self._call_timeout = call_timeout
        self._client = httpx.AsyncClient(timeout=call_timeout, follow_redirects=False, verify=verify)
        self._calling: Counter[str] = Counter()
        self._gone: set[str] = set()

    async def send(self, envelope: Envelope) -> str:
        """Call the endpoint that the template names, within `call_timeout`; returns nothing of use, raises only ProviderErrors."""
        if not isinstance(envelope.rendered, RenderedCall):
            raise Refused(f"Webhooks carry JSON only; this is for the channel {envelope.channel}")
        name = endpoint_of(envelope.template)
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise Refused(f"{ADDRESSES} names no endpoint {name}")
        if name in self._gone:
            raise Refused(f"The endpoint {name} has answered 410: it wants no more calls")
        if self._calling[name] >= AT_ONCE:
            raise TryLater(f"The endpoint {name} is slow: {AT_ONCE} calls to it are under way", BUSY)
        self._calling[name] += 1
        try:
            status, headers = await self._post(endpoint, envelope, envelope.rendered)
        finally:
            self._calling[name] -= 1
        if status == 410:
            self._gone.add(name)
        if (failure := _failure(name, status, headers)) is not None:
            raise failure
        return ""

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _post(self, endpoint: Endpoint, envelope: Envelope, rendered: RenderedCall) -> tuple[int, httpx.Headers]:
        body = body_of(envelope, rendered)
        headers = endpoint.headers(envelope.send_key, datetime.now(UTC), body)
        steps: list[str] = []

        async def noted(step: str, _: object) -> None:
            steps.append(step)

        try:
            # httpx has a limit for each of its steps; this one is for the call as a whole.
            async with (
                asyncio.timeout(self._call_timeout),
                self._client.stream(
                    "POST", endpoint.url, content=body, headers=headers, extensions={"trace": noted}
                ) as answer,
            ):
                with suppress(httpx.HTTPError, TimeoutError):
                    await _read(answer)
                return answer.status_code, answer.headers
        except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
            # Its own words may quote the address, and the address may hold a credential. TimeoutError is an OSError.
            has_begun = any(step.endswith("send_request_headers.started") for step in steps)
            kind = RepeatLater if has_begun else TryLater
            raise kind(f"The call to the endpoint {endpoint.name} broke: {type(error).__name__}", _pause()) from None


def body_of(envelope: Envelope, rendered: RenderedCall) -> bytes:
    """The body as Standard Webhooks proposes it; every attempt tells the moment at which the journey first asked for it."""
    told = activity.info() if activity.in_activity() else None
    whom = {"user_id": envelope.user_id, "journey": told.workflow_type if told else None}
    body = {
        "type": envelope.template.replace("/", "."),
        "timestamp": (told.scheduled_time if told else datetime.now(UTC)).isoformat(),
        "data": whom | rendered.data,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _failure(name: str, status: int, headers: httpx.Headers) -> ProviderError | None:
    said = f"The endpoint {name} answered {status}"
    if 200 <= status < 300:
        return None
    if status == 410:
        return Refused(f"{said}: it wants no more calls")
    if status in (429, 503) and headers.get("Retry-After"):
        return TryLater(said, wait_asked(headers, time.time()))
    if status in (429, 503):
        return TryLater(said, _pause())
    if status == 408 or status >= 500:
        return RepeatLater(said, _pause())
    if 300 <= status < 400:
        return Refused(f"{said}: redirects are not followed; give {ADDRESSES} the address it leads to")
    return Refused(said)


def _pause() -> timedelta:
    """How long to wait after a failure: 1 s, then twice as long each time."""
    attempt = activity.info().attempt if activity.in_activity() else 1
    return min(timedelta(seconds=2 ** min(attempt - 1, 20)), LONGEST_PAUSE)


async def _read(answer: httpx.Response) -> None:
    size = 0
    async with asyncio.timeout(1):
        async for part in answer.aiter_raw():
            size += len(part)
            if size > ANSWER:
                return
