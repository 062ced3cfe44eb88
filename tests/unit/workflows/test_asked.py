"""Who asked and why, as staff write it."""

from __future__ import annotations

import pytest

from workflows.asked import Asked


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ((), Asked("support", "")),
        (("asked by phone",), Asked("support", "asked by phone")),
        (("asked by phone", "kim"), Asked("kim", "asked by phone")),
        (({"reason": "asked by phone", "by": "kim"},), Asked("kim", "asked by phone")),
        (({"by": "kim"},), Asked("kim", "")),
        (({},), Asked("support", "")),
        ((None, None), Asked("support", "")),
        (("  two\n lines ", "kim\tlee"), Asked("kim lee", "two lines")),
    ],
)
def test_read(given: tuple[object, ...], asked: Asked) -> None:
    """A reason, a reason and a name, or an object of both; on one line."""
    assert Asked.read(*given) == asked


@pytest.mark.parametrize(
    "given", [(1,), (["asked by phone"],), ({"why": "x"},), ({"reason": 1},), ("x", 7), ({"reason": "x"}, "kim")]
)
def test_refused(given: tuple[object, ...]) -> None:
    """Anything else is refused with an example of what is meant."""
    with pytest.raises(ValueError, match="Give the reason as text"):
        Asked.read(*given)


def test_bounded() -> None:
    """A name is cut at 100 characters and a reason at 500, visibly."""
    asked = Asked.read("r" * 600, "n" * 101)
    assert asked.by == "n" * 99 + "…"
    assert asked.reason == "r" * 499 + "…"
