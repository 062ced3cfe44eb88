"""On what device: the event before the hints before the user agent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.device import device_of
from context.library import library_platform
from context.operating_system import USUAL_KIND, system_name
from context.user_agent import read_user_agent
from events import Device

SAFARI = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
PHONE = f"Mozilla/5.0 (Linux; Android 10; K) {SAFARI.replace('Safari', 'Mobile Safari')}"
TABLET = f"Mozilla/5.0 (Linux; Android 13; SM-X700) {SAFARI}"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4 Mobile/15E148 Safari"
IPAD = "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 Version/12.1 Mobile/15E148 Safari/604.1"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {SAFARI}"
FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"
TABLET_PC = "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; Tablet PC 2.0; rv:11.0) like Gecko"
LG_TV = f"Mozilla/5.0 (Web0S; Linux/SmartTV) {SAFARI} WebAppManager"
FIRE_TV = f"Mozilla/5.0 (Linux; Android 9; AFTSSS) {SAFARI}"
PLAYSTATION = "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 Version/13.0 Safari/605.1.15"
XBOX = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) {SAFARI} Edge/18"
GOOGLEBOT = f"{PHONE} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
DALVIK = "Dalvik/2.1.0 (Linux; U; Android 11; SM-G991B Build/RP1A.200720.012)"
IOS_APP = "Shop/3.1 CFNetwork/1494.0.7 Darwin/23.4.0"


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (PHONE, Device(kind="mobile", os="Android", browser="Chrome Mobile")),
        (TABLET, Device(kind="tablet", os="Android", browser="Chrome")),
        (IPHONE, Device(kind="mobile", os="iOS", browser="Mobile Safari")),
        (IPAD, Device(kind="tablet", os="iOS", browser="Mobile Safari")),
        (WINDOWS, Device(kind="desktop", os="Windows", browser="Chrome")),
        (FIREFOX, Device(kind="desktop", os="Linux", browser="Firefox")),
        (TABLET_PC, Device(kind="desktop", os="Windows", browser="IE")),
        (LG_TV, Device(kind="tv", os="webOS", browser="Chrome")),
        (FIRE_TV, Device(kind="tv", os="Android", browser="Chrome")),
        (PLAYSTATION, Device(kind="console", os=None, browser="Safari")),
        (XBOX, Device(kind="console", os="Windows", browser="Edge")),
        (GOOGLEBOT, Device(kind="bot", os="Android", browser=None)),
        (DALVIK, Device(kind="mobile", platform="app", os="Android")),
        (IOS_APP, Device(kind="mobile", platform="app", os="iOS")),
        ("Roku/DVP-9.10", Device(kind="tv", platform="app", os="Roku")),
        ("analytics-python/2.3.4", Device(platform="server")),
        ("python-requests/2.31.0", Device(platform="server")),
        ("curl/8.1", Device(platform="server")),
        ("", Device(platform="server")),
    ],
)
def test_user_agent(agent: str, device: Device) -> None:
    """A user agent tells the same in the event and in the header, however the header is spelled."""
    assert device_of({}, {"USER-AGENT": agent}) == device
    assert device_of({"userAgent": agent}, {}) == device


@pytest.mark.parametrize(
    ("mobile", "platform", "agent", "kind", "os"),
    [
        ("?1", '"Android"', WINDOWS, "mobile", "Android"),
        ("?0", '"Android"', "", "tablet", "Android"),
        ("?0", '"macOS"', WINDOWS, "desktop", "macOS"),
        ("?0", '"Chrome OS"', "", "desktop", "ChromeOS"),
        ("?0", '"Linux"', LG_TV, "tv", "webOS"),
        ("?1", '"Android"', GOOGLEBOT, "bot", "Android"),
        ("yes", "Garbage", PHONE, "mobile", "Android"),
    ],
)
def test_client_hints(mobile: str, platform: str, agent: str, kind: str, os: str) -> None:
    """Client hints are believed before the user agent, except those of a crawler, a television or a console."""
    device = device_of({}, {"Sec-CH-UA-Mobile": mobile, "sec-ch-ua-platform": platform, "User-Agent": agent})

    assert (device.kind, device.os, device.platform) == (kind, os, "web")


def test_hints_in_event() -> None:
    """The hints that Segment's browser library sends count like those in headers, and before them."""
    context = {"userAgentData": {"mobile": True, "platform": "Android", "brands": []}, "userAgent": PHONE}

    device = device_of(context, {"user-agent": PHONE, "sec-ch-ua-platform": '"Windows"'})

    assert device == Device(kind="mobile", os="Android", browser="Chrome Mobile")


@pytest.mark.parametrize(
    ("factors", "kind"),
    [
        (["Tablet"], "tablet"),
        (["Desktop"], "desktop"),
        (["Desktop", "Tablet"], "desktop"),
        ("Tablet", "desktop"),
        (None, "desktop"),
    ],
)
def test_form_factor(factors: object, kind: str) -> None:
    """A tablet is one though it asks for pages as a desktop does, if its browser says that it is a tablet and nothing else.

    Killed by: not looking at formFactors.
    """
    hints = {"mobile": False, "platform": "Linux", "formFactors": factors}

    assert device_of({"userAgentData": hints}, {"user-agent": f"Mozilla/5.0 (X11; Linux x86_64) {SAFARI}"}).kind == kind


@pytest.mark.parametrize(
    ("context", "device"),
    [
        (
            {
                "library": {"name": "analytics-ios"},
                "device": {"type": "ios", "model": "iPhone15,2"},
                "os": {"name": "iOS", "version": "17.4"},
                "app": {"name": "Shop"},
            },
            Device(kind="mobile", platform="app", os="iOS"),
        ),
        (
            {
                "library": {"name": "analytics-swift"},
                "device": {"type": "ios", "model": "iPad8,1"},
                "os": {"name": "iPadOS"},
            },
            Device(kind="tablet", platform="app", os="iPadOS"),
        ),
        (
            {
                "library": {"name": "com.rudderstack.android.sdk.core"},
                "device": {"type": "Android"},
                "userAgent": DALVIK,
            },
            Device(kind="mobile", platform="app", os="Android"),
        ),
        ({"device": {"type": "tvos"}, "app": {"name": "Shop"}}, Device(kind="tv", platform="app", os="tvOS")),
        ({"os": {"name": "Mac OS X 10.15"}, "page": {"path": "/"}}, Device(kind="desktop", os="macOS")),
        ({"device": {"type": "Tablet"}}, Device(kind="tablet", os="Windows", browser="Chrome")),
    ],
)
def test_event_before_everything(context: dict[str, Any], device: Device) -> None:
    """What the event itself says of the device is believed before what carried it."""
    headers = {"User-Agent": WINDOWS, "Sec-CH-UA-Mobile": "?0", "Sec-CH-UA-Platform": '"Windows"'}

    assert device_of(context, headers) == device


def test_javascript_library_with_an_app() -> None:
    """A browser library that describes itself as an app is still the web."""
    rudder = {"name": "RudderLabs JavaScript SDK"}

    assert device_of({"library": rudder, "app": rudder}, {"User-Agent": FIREFOX}).platform == "web"


def test_backend() -> None:
    """An event that a backend sends without device data is a server's, whatever the request looks like."""
    library = {"name": "analytics-python", "version": "2.3.4"}

    assert device_of({"library": library}, {"User-Agent": WINDOWS}) == Device(platform="server")
    assert device_of({"library": library, "userAgent": "analytics-python/2.3.4"}, {}) == Device(platform="server")
    assert device_of({"library": library, "page": {"path": "/"}}, {}).platform == "server"


def test_backend_that_passes_the_browser_on() -> None:
    """A backend that passes the person's user agent on describes the person's device, not its own."""
    context = {"library": {"name": "@segment/analytics-node"}, "userAgent": IPHONE}

    device = device_of(context, {"User-Agent": "node-fetch/1.0", "Sec-CH-UA-Platform": '"Linux"'})

    assert device == Device(kind="mobile", os="iOS", browser="Mobile Safari")


def test_no_free_text() -> None:
    """A name that a client made up is not passed on."""
    assert device_of({"os": {"name": "jane@example.com"}, "device": {"type": "Jane"}}, {}) == Device(platform="server")


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("analytics.js", "web"),
        ("RudderLabs JavaScript SDK", "web"),
        ("analytics-android", "app"),
        ("analytics-react-native", "app"),
        ("analytics_flutter", "app"),
        ("analytics-node", "server"),
        ("Analytics.NET", "server"),
        ("analytics-ruby", "server"),
        ("house-made", None),
        ("", None),
    ],
)
def test_library(name: str, platform: str | None) -> None:
    """A tracking library's name tells where it runs, or nothing."""
    assert library_platform(name) == platform


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("iPhone OS 17.4", "iOS"),
        ("Windows NT 10.0", "Windows"),
        ("MACOS", "macOS"),
        ("ubuntu", "Linux"),
        ("BeOS", None),
        ("", None),
    ],
)
def test_system(name: str, system: str | None) -> None:
    """An operating system has one spelling, without version."""
    assert system_name(name) == system


def test_memory_is_bounded() -> None:
    """However many user agents are seen, at most 2000 are remembered."""
    assert read_user_agent.cache_info().maxsize == 2000


TEXT = st.text(st.characters()) | st.sampled_from(
    [PHONE, DALVIK, "Mozilla/5.0 (\ud800", "iOS", "?1", '"Android"', "x" * 5000]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "type", "model", "mobile", "platform"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["device", "os", "app", "page", "library", "userAgent", "userAgentData"]), JSON),
    st.dictionaries(st.sampled_from(["User-Agent", "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform", "X"]), TEXT),
)
def test_garbage(context: dict[str, Any], headers: dict[str, str]) -> None:
    """Whatever a client sends, there is a Device, and every name in it is a known one or short."""
    device = device_of(context, headers)

    assert device.os is None or device.os in USUAL_KIND
    assert device.browser is None or len(device.browser) <= 40
