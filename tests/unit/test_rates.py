"""Rates of channels, as an operator writes them."""

from __future__ import annotations

import pytest

from activities.rates import read_rates
from errors import SettingsError
from settings import Settings


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", {}),
        (" , ", {}),
        ("email=100", {"email": 100}),
        ("email=100, push=500", {"email": 100, "push": 500}),
        (" in_app = 0.5 ,webhook=1e3,", {"in_app": 0.5, "webhook": 1000}),
    ],
)
def test_read(text: str, rates: dict[str, float]) -> None:
    """Messages a second by channel; a channel that is not named has no rate."""
    assert read_rates(text) == rates


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sms=5", "'sms=5' names no channel; there are email, push, in_app"),
        ("email", "'' is no rate"),
        ("email=fast", "'fast' is no rate; write messages a second"),
        ("email=0", "'0' is no rate"),
        ("email=-1", "'-1' is no rate"),
        ("email=nan", "'nan' is no rate"),
        ("email=inf", "'inf' is no rate"),
        ("email=1, email=2", "email is there twice"),
    ],
)
def test_refused(text: str, words: str) -> None:
    """What is no rate is refused by the variable's name and what it should be."""
    with pytest.raises(SettingsError, match=f"JOURNEYMAN_RATES: {words}"):
        read_rates(text)


def test_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong rate stops the start."""
    monkeypatch.setenv("JOURNEYMAN_RATES", "email=fast")
    with pytest.raises(SettingsError, match="JOURNEYMAN_RATES"):
        Settings.read()
