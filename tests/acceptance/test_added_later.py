"""What a journey or a template has come to ask for since somebody began: they get its default, never a hole."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from activities.rendering import Templates
from activities.template_names import sample_of
from events import CartUpdated
from messages import Channel
from settings import ROOT, Settings
from workflows.inbox import read_event, written

TEMPLATES = Templates(ROOT / "templates", shop=Settings().shop)
ALL = [(channel, name) for channel in get_args(Channel) if channel != "webhook" for name in TEMPLATES.names(channel)]
HOLE = re.compile(r"\bNone\b|\{\{|\{%|\bnull\b|,\s*[!?.]| {2,}[,.!?]|\(\s*\)")


def test_a_field_of_an_event() -> None:
    """G7: an event that was stored before one of its fields existed has that field with its typed default.

    Killed by: reading a field that is not there as None.
    """
    occurred_at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    stored = written(CartUpdated(cart_id="c-1", event_id="e-1", seq=1, occurred_at=occurred_at))
    later = [name for name, field in CartUpdated.model_fields.items() if not field.is_required()]
    assert "value" in later
    for name in later:
        found = read_event({key: value for key, value in stored.items() if key != name})
        assert isinstance(found, CartUpdated), name
        assert getattr(found, name) == CartUpdated.model_fields[name].get_default(call_default_factory=True), name


@pytest.mark.parametrize(("channel", "name"), ALL, ids=[f"{channel}-{name}" for channel, name in ALL])
def test_a_variable_of_a_template(channel: Channel, name: str) -> None:
    """G7: a message whose journey began before its template asked for one of its variables, or for any, reads as if nobody had
    thought of it: no empty title or text, and no hole in it.

    Killed by: a template that writes a variable without saying what else to write.
    """
    asked = TEMPLATES.details(channel, name).data
    known: dict[str, Any] = {each: sample_of(kind) for each, kind in asked}
    lacking = [{key: value for key, value in known.items() if key != left_out} for left_out in known]
    for language in TEMPLATES.languages(channel, name):
        for data in [*lacking, {}]:
            given = {**data, "unsubscribe_url": "https://shop.example.com/u"}
            rendered = TEMPLATES.render(channel, name, language=language, data=given, person={})
            for part in ("subject", "title", "body", "text"):
                words = getattr(rendered, part, "words")
                assert words.strip(), part
                assert not HOLE.search(words), (part, words)
