"""What is checked of every journey when the program starts."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from activities.rendering import Templates
from errors import JourneyError, TemplateError
from settings import ROOT, Settings
from worker import check_templates
from workflows.catalogue import Catalogue, Listed, listed
from workflows.variants import Experiment

SHIPPED = Path(ROOT / "templates")


def test_shipped_journeys_have_their_templates() -> None:
    """Every template that a journey names is there; the catalogue has seen them in the code."""
    catalogue = Catalogue.load()
    check_templates(catalogue, Templates(SHIPPED, shop=Settings().shop))
    assert ("email", "cart/last_call") in catalogue["cart_abandonment"].messages


def test_missing_template() -> None:
    """A journey that names a template that does not exist is refused at start, by its name and with what is near."""
    cart = Catalogue.load()["cart_abandonment"]
    wrong = Catalogue([replace(cart, messages=(("email", "cart/last_cal"),))])
    with pytest.raises(TemplateError, match=r"cart_abandonment\.py: .*cart/last_call"):
        check_templates(wrong, Templates(SHIPPED, shop=Settings().shop))


MODULE = '''
"""Try."""

from events import FileDownloaded
from workflows import User, journey

WEIGHTS = {{"a": 1}}


@journey(starts_on=FileDownloaded)
async def trial(user: User, file: FileDownloaded) -> None:
    """Try."""
    {line}
'''


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Listed]:
    """The journey `trial` with this line, as the catalogue reads it."""

    def read(line: str) -> Listed:
        (tmp_path / "trial.py").write_text(MODULE.format(line=line))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "trial", raising=False)
        return listed(importlib.import_module("trial"), "trial")

    return read


def test_experiments(trial: Callable[[str], Listed]) -> None:
    """An experiment is known from the code, with its arms, weights and group, before anybody enters."""
    found = trial('user.variant("offer size", small=1, large=3, group="spring")')
    assert found.experiments == (Experiment("offer size", {"small": 1, "large": 3}, "spring"),)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ('user.variant("offer", **WEIGHTS)', "cannot be seen from outside"),
        ("user.variant(user.id, a=1, b=1)", "cannot be seen from outside"),
        ('user.variant("offer", a=WEIGHTS)', "cannot be seen from outside"),
        ("user.variant(a=1)", "cannot be seen from outside"),
        ('user.variant("offer")', "needs whole weights"),
        ('user.variant("offer", a=0)', "needs whole weights"),
        ('user.variant("offer", a=0.5, b=0.5)', "needs whole weights"),
        ('user.variant("offer", a=2, b=-1)', "needs whole weights"),
        ('user.variant("holdout/x", a=1)', "is no name"),
        ('user.variant("", a=1)', "is no name"),
        ('user.variant("offer", a=1)\n    user.variant("offer", a=1, b=1)', "declared with different arms"),
    ],
)
def test_experiments_that_cannot_be_seen(trial: Callable[[str], Listed], call: str, told: str) -> None:
    """One that nobody can know before a run begins, or that leaves nothing to draw, is refused with its line."""
    with pytest.raises(JourneyError, match=told):
        trial(call)
