"""A journey is tried without a server: the shipped engine, rules and templates, on a clock that a test moves."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from errors import JourneyError, JourneymanError
from events import CartUpdated
from rehearsal import Persona, rehearse
from rehearsal.report import Report, report
from tests.programs import Place, command
from workflows import days, hours

CART = {"cart_id": "c-1", "value": "59.90", "currency": "EUR"}


def test_three_lines() -> None:
    """A test of a journey is three lines, without a server, and a day of it takes no time.

    Killed by: moving the clock past what is due, or not settling after an event.
    """
    with rehearse("cart_abandonment") as ada:
        ada.does("Cart Updated", **CART).waits(days(2))
        assert ada.sent == ["email cart/still_here", "email cart/last_call"]


def test_goal() -> None:
    """What ends the journey ends it in a rehearsal, and nothing is sent after it.

    Killed by: leaving Cancel out of Scene._route.
    """
    with rehearse("cart_abandonment") as ada:
        ada.does(CartUpdated, **CART).waits(hours(2)).does("Order Completed", cart_id="c-1", order_id="o-1").ends()
        assert ada.sent == ["email cart/still_here"]
        assert ada.outcome.startswith("ended by Order Completed")


def test_quiet_hours_on_their_own_clock() -> None:
    """What falls into a person's night goes out in their morning, on the clock they live by.

    Killed by: judging by the machine's clock or zone.
    """
    with rehearse("cart_abandonment", persona=Persona(zone="Pacific/Chatham", hour=21)) as person:
        person.does("Cart Updated", **CART).waits(hours(2))
        assert person.sent == []
        person.waits(hours(10))
        assert [(each.at.hour, each.at.minute) for each in person.told] == [(8, 0)]
        assert str(person.now.tzinfo) == "Pacific/Chatham"


def test_rules_of_the_test() -> None:
    """Settings of the test hold in place of those in force.

    Killed by: not handing `rules` to the settings.
    """
    with rehearse("cart_abandonment", caps="1 a week rolling") as ada:
        ada.does("Cart Updated", **CART).ends()
        assert ada.sent == ["email cart/still_here"]
        assert ada.unsent["email cart/last_call"].startswith("cap")


def test_known_later() -> None:
    """What becomes known of a person in the middle of a journey is known to what follows.

    Killed by: keeping the person as they were at the entry.
    """
    with rehearse("cart_abandonment", persona=Persona(email=False)) as nobody:
        nobody.does("Cart Updated", **CART).waits(hours(2)).is_known(email="new@example.org").ends()
        assert nobody.sent == ["email cart/last_call"]


async def test_where_a_loop_runs() -> None:
    """Where an event loop runs each verb is awaited, and who forgets it is told what to write.

    Killed by: running the loop of another.
    """
    async with rehearse("cart_abandonment") as ada:
        await ada.does("Cart Updated", **CART)
        await ada.waits(hours(2))
        assert ada.sent == ["email cart/still_here"]
    with pytest.raises(JourneymanError, match="async with rehearse"), rehearse("cart_abandonment"):
        pass


def test_no_such_journey() -> None:
    """A journey that there is not is told with those that there are."""
    with pytest.raises(JourneyError, match=r"there are: .*cart_abandonment"), rehearse("cart_abandonmnt"):
        pass


def test_nothing_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """G8: a rehearsal uses up no cap and nothing that is once only, and reaches no provider, whatever the environment says:
    it has a database of its own, and no channel has a provider there.

    Killed by: opening the database of the settings, or providers(settings) in place of none.
    """
    file = tmp_path / "journeyman.db"
    monkeypatch.setenv("JOURNEYMAN_DATABASE", f"sqlite:///{file}")
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.real")
    monkeypatch.setenv("JOURNEYMAN_SENDGRID_URL", "http://127.0.0.1:9")
    for _ in range(2):
        with rehearse("onboarding", caps="1 a week rolling") as ada:
            ada.does("Signed Up").waits(hours(1))
            assert [(each.template, each.status) for each in ada.told] == [("onboarding/welcome", "accepted")]
    assert not file.exists()


@pytest.mark.parametrize("journey", ["cart_abandonment", "onboarding", "post_purchase", "win_back"])
async def test_every_path(journey: str) -> None:
    """Each journey that ships is walked on every path: no verb of its file is left out, and every walk comes to an end.

    Killed by: forgetting one answer of a wait, one arm, or one opening.
    """
    found = await report(journey)
    assert found.unreached == []
    assert {path.persona.name for path in found.paths} == {"Ada", "Ben", "Chiyo", "Dora", "Emil"}
    assert all(path.end.startswith(("went to its end", "ended by", "does not enter")) for path in found.paths)
    sent = [told for path in found.paths if path.persona.name == "Dora" for told in path.told if told.is_sent]
    assert not [told for told in sent if told.kind == "marketing"]
    assert found.summary.startswith(f"{len(found.paths)} walks of 5 people")


async def test_the_same_again() -> None:
    """Two rehearsals of a journey say the same, to the minute.

    Killed by: the machine's clock or chance anywhere in it.
    """

    async def plain() -> object:
        found: Report = await report("cart_abandonment", ["Ada", "Ben"])
        return found.plain()["paths"]

    first, second = await plain(), await plain()
    assert first == second


async def test_the_command(tmp_path: Path) -> None:
    """`starter.py rehearse` shows every path to people and to programs, texts on request, and says who is not there.

    Killed by: leaving out the words of an event, or printing texts unasked.
    """
    place = Place(tmp_path)
    shown = await command(place, "starter.py", "rehearse", "cart_abandonment", "--person", "Ada", "--texts")
    assert shown.code == 0, shown.err
    assert "Cart Updated, then Order Completed (in the quiet)" in shown.out
    assert "Mon 2 Mar 13:00 email cart/still_here" in shown.out
    assert "         | " in shown.out
    told = json.loads((await command(place, "starter.py", "rehearse", "win_back", "--json")).out)
    assert told["unreached"] == []
    assert all(datetime.fromisoformat(each["at"]).tzinfo for path in told["paths"] for each in path["messages"])
    wrong = await command(place, "starter.py", "rehearse", "win_back", "--person", "Zoe")
    assert wrong.code == 1
    assert "there are: Ada, Ben" in wrong.err
    assert not (tmp_path / "journeyman.db").exists()
