"""Whether those who deliver messages know us: SendGrid, Firebase, the endpoints of webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from doctor_finding import Finding, broken, warning, well
from errors import SettingsError
from settings import Settings

ANSWER = 5.0
"""Seconds that a provider may take."""
NOT_ASKED = "SPF and DMARC were not looked up: that would take DNS, which this program does not ask"


async def sendgrid(settings: Settings) -> AsyncIterator[Finding]:
    """The key may send, and the sender is one that SendGrid has verified."""
    key = settings.sendgrid_api_key.get_secret_value()
    if not key:
        yield well("SendGrid", "no key; email stays in the outbox")
        return
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with httpx.AsyncClient(base_url=settings.sendgrid_url, headers=headers, timeout=ANSWER) as http:
            finding = _scopes(await http.get("/v3/scopes"))
            yield finding
            if finding.mark != "broken":
                yield _sender(
                    settings.sender, await http.get("/v3/verified_senders"), await http.get("/v3/whitelabel/domains")
                )
                yield warning("Sender's domain", NOT_ASKED, "See how a mail tester likes a message of yours.")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # ValueError: a key that is no header, or an answer that is no JSON; its words may quote the key.
        yield broken("SendGrid", f"it was not reached, or not understood ({type(error).__name__})",
                     "Check JOURNEYMAN_SENDGRID_URL, SENDGRID_API_KEY and the network.")  # fmt: skip
    if settings.webhook_key is None:
        yield warning(
            "SendGrid's webhooks", "bounces, complaints and lost answers are not heard of",
            "Turn on Signed Event Webhook in SendGrid, and set SENDGRID_WEBHOOK_KEY.",
        )  # fmt: skip


def _scopes(answer: httpx.Response) -> Finding:
    if answer.status_code in (401, 403):
        return broken("SendGrid", "it does not know the key", "Set SENDGRID_API_KEY to one that is not revoked.")
    if answer.status_code != 200:
        return broken("SendGrid", f"it answered {answer.status_code}", "Try again; see status.sendgrid.com.")
    scopes = answer.json().get("scopes", [])
    if "mail.send" not in scopes:
        return broken("SendGrid", "the key may not send mail", "Give it the right Mail Send in SendGrid.")
    return well("SendGrid", "the key may send mail")


def _sender(sender: str, senders: httpx.Response, domains: httpx.Response) -> Finding:
    domain = sender.rpartition("@")[2].lower()
    verified = {str(each.get("from_email", "")).lower() for each in _listed(senders) if each.get("verified")}
    proven = {str(each.get("domain", "")).lower() for each in _listed(domains) if each.get("valid")}
    if any(domain == one or domain.endswith(f".{one}") for one in proven if one):
        return well("Sender", f"{domain} is an authenticated domain")
    if sender.lower() in verified:
        return warning(
            "Sender", f"{sender} is verified, its domain is not authenticated",
            "Authenticate the domain in SendGrid, or mailbox providers trust the mails less.",
        )  # fmt: skip
    if 200 not in (senders.status_code, domains.status_code):
        return warning(
            "Sender", "this key may not ask whether the sender is verified",
            f"See in SendGrid, under Sender Authentication, that {sender} or its domain is there.",
        )  # fmt: skip
    return broken(
        "Sender", f"{sender} is no verified sender, and its domain is not authenticated: SendGrid refuses its mails",
        "Authenticate the domain in SendGrid, or correct JOURNEYMAN_SENDER.",
    )  # fmt: skip


def _listed(answer: httpx.Response) -> list[dict[str, Any]]:
    if answer.status_code != 200:
        return []
    told = answer.json()
    return [each for each in (told.get("results", []) if isinstance(told, dict) else told) if isinstance(each, dict)]


async def firebase(settings: Settings) -> AsyncIterator[Finding]:
    """The key file can be read, and Google takes it."""
    if not settings.firebase_credentials:
        yield well("Firebase", "no credentials; push stays in the outbox")
        return
    try:
        project = await asyncio.to_thread(_signed_in, Path(settings.firebase_credentials))
    except SettingsError as error:
        yield broken("Firebase", str(error), "Correct FIREBASE_CREDENTIALS.")
    except Exception as error:
        # The library raises many kinds, and its words may quote the file.
        yield broken("Firebase", f"Google did not take the credentials, or was not reached ({type(error).__name__})",
                     "Check that the key is not revoked, the clock is right, and the network.")  # fmt: skip
    else:
        yield well("Firebase", f"Google takes the credentials of the project {project}")


def _signed_in(path: Path) -> str:
    """Exchange the key for an access token, which is thrown away; returns the project's id."""
    # Not at the top: only an installation that pushes should pay for the library.
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    from activities.channels.firebase import read_account
    from activities.channels.firebase_client import SCOPE

    account, request = read_account(path), Request()
    signed = service_account.Credentials.from_service_account_info(account, scopes=[SCOPE])
    signed.refresh(lambda *args, **more: request(*args, **(more | {"timeout": ANSWER})))
    request.session.close()
    return account["project_id"]


async def endpoints(settings: Settings) -> AsyncIterator[Finding]:
    """Where webhooks go; nothing is called, because a call means something to its receiver."""
    names = sorted(settings.endpoints)
    told = f"endpoints {', '.join(names)}; not called" if names else "no endpoint; calls stay in the outbox"
    yield well("Webhooks", told)
