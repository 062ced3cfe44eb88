"""What is checked of every journey when the program starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from activities.rendering import Templates
from errors import TemplateError
from settings import ROOT, Settings
from worker import check_templates
from workflows.catalogue import Catalogue

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
