"""Topics that need to be asked for, as the environment names them."""

from __future__ import annotations

import pytest

from errors import SettingsError
from service import offer_of
from settings import Settings


@pytest.mark.parametrize(
    ("told", "topics"),
    [("", set()), ("newsletter", {"newsletter"}), (" newsletter, sms_deals ,", {"newsletter", "sms_deals"})],
)
def test_opt_in(monkeypatch: pytest.MonkeyPatch, told: str, topics: set[str]) -> None:
    """JOURNEYMAN_OPT_IN names topics, and they reach both the rules of sending and the page on which people ask for them."""
    monkeypatch.setenv("JOURNEYMAN_OPT_IN", told)
    settings = Settings.read()
    assert settings.policy.opt_in == topics
    assert topics <= offer_of(settings).topics.keys()


@pytest.mark.parametrize("told", ["News Letter", "newsletter; deals", "*", "Deals", "a" * 41, "1st"])
def test_no_topic(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """What can be no topic stops the start, with the variable's name and the word that is wrong."""
    monkeypatch.setenv("JOURNEYMAN_OPT_IN", told)
    with pytest.raises(SettingsError, match=r"JOURNEYMAN_OPT_IN: '.+' is no topic; write those of your templates"):
        Settings.read()


def test_what_is_offered() -> None:
    """People choose among all topics of the templates, but not what is transactional nor calls to the shop's own programs."""
    channels = {topic: set(ways) for topic, ways in offer_of(Settings()).topics.items()}
    assert channels == {
        "carts": {"email", "push", "in_app"},
        "onboarding": {"email", "push", "in_app"},
        "orders": {"email"},
        "after_purchase": {"email", "push"},
        "win_back": {"email", "push"},
    }
