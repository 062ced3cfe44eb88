"""On what device an event happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from context.fields import field, group, text
from context.library import Platform, library_of
from context.operating_system import USUAL_KIND, Kind, system_name
from context.user_agent import APP_SYSTEMS, Agent, read_user_agent
from events import Device

TYPES: dict[str, Kind] = {
    "bot": "bot",
    "computer": "desktop",
    "console": "console",
    "desktop": "desktop",
    "ipad": "tablet",
    "iphone": "mobile",
    "laptop": "desktop",
    "mobile": "mobile",
    "phone": "mobile",
    "smart tv": "tv",
    "smarttv": "tv",
    "smartphone": "mobile",
    "tablet": "tablet",
    "tv": "tv",
}


HEADERS = ("user-agent", "sec-ch-ua-mobile", "sec-ch-ua-platform")


@dataclass(frozen=True)
class Described:
    """What one source says; None where it says nothing."""

    kind: Kind | None = None
    os: str | None = None

    def __bool__(self) -> bool:
        return self.kind is not None or self.os is not None


def device_of(context: Mapping[str, Any], headers: Mapping[str, str]) -> Device:
    """The device, believed in this order: the event's `context`, client hints, the user agent.

    `context` is Segment's, as the client sent it; `headers` are those of the request that carried the event.
    """
    sent = {low: text(value) for name, value in headers.items() if (low := name.lower()) in HEADERS}
    told_agent = text(field(context, "userAgent"))
    agent, carrier = read_user_agent(told_agent), read_user_agent(sent.get("user-agent", ""))
    by_backend = carrier is not None and carrier.platform == "server"
    library = library_of(context) or ("server" if by_backend else None)
    event, hints = _event(context), _told_hints(context)
    if agent and agent.platform == "server":
        agent = None
    # A backend's request, or one that brings another program's event, says nothing about the person's device.
    if library != "server" and not by_backend and told_agent in ("", sent.get("user-agent")):
        agent = agent or carrier
        hints = hints or _carried_hints(sent)

    platform = library if library in ("web", "app") else _platform(context, library, event, hints, agent)
    # Crawlers, televisions and consoles send the hints of the browser they are built from.
    if agent and agent.kind in ("bot", "tv", "console") and event.kind is None:
        hints = Described(agent.kind)
    sources = [event, hints, Described(agent.kind, agent.os) if agent else Described()]
    os = next((source.os for source in sources if source.os), None)
    # A source that names another system describes another machine.
    kinds = (source.kind for source in sources if source.kind and source.os in (None, os))
    return Device(
        kind=next(kinds, None) or (USUAL_KIND[os] if os else "unknown"),
        platform=platform,
        os=os,
        browser=agent.browser if agent and platform == "web" and agent.os in (None, os) else None,
    )


def _event(context: Mapping[str, Any]) -> Described:
    device = group(context, "device")
    kind = text(device.get("type")).lower()
    os = system_name(text(group(context, "os").get("name"))) or system_name(kind)
    if text(device.get("model")).startswith("iPad"):
        return Described("tablet", os)
    return Described(TYPES.get(kind), os)


def _told_hints(context: Mapping[str, Any]) -> Described:
    data = group(context, "userAgentData")
    mobile = data.get("mobile")
    hints = _hints(mobile if isinstance(mobile, bool) else None, text(data.get("platform")))
    # A tablet that asks for pages as a desktop does says so here alone.
    return Described("tablet", hints.os) if data.get("formFactors") == ["Tablet"] else hints


def _carried_hints(sent: Mapping[str, str]) -> Described:
    mobile = {"?1": True, "?0": False}.get(sent.get("sec-ch-ua-mobile", ""))
    return _hints(mobile, sent.get("sec-ch-ua-platform", "").strip('"'))


def _hints(mobile: bool | None, platform: str) -> Described:
    """What User-Agent Client Hints say (https://wicg.github.io/ua-client-hints)."""
    os = system_name(platform)
    if mobile:
        return Described("mobile", os)
    return Described("tablet" if mobile is False and os == "Android" else None, os)


def _platform(
    context: Mapping[str, Any], library: Platform | None, event: Described, hints: Described, agent: Agent | None
) -> Platform:
    """The platform where the library's name does not say that it is a browser's or an app's."""
    browser = agent is not None and agent.platform == "web"
    page = bool(group(context, "page"))
    native = group(context, "app") or (event.os in APP_SYSTEMS and not browser)
    if native and not page:
        return "app"
    if agent:
        return agent.platform
    return "web" if event or hints or (page and library != "server") else "server"
