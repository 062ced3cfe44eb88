"""Experiments: one arm for each person, in the proportion of the weights."""

from __future__ import annotations

from collections import Counter

import pytest

from workflows.variants import arm_of


def test_the_same_arm_for_ever() -> None:
    """A person's arm depends on the experiment and the person alone, not on the order or size of equal proportions."""
    assert {arm_of("subject", "u-42", {"a": 50, "b": 50}) for _ in range(100)} == {
        arm_of("subject", "u-42", {"a": 50, "b": 50})
    }
    arms = [arm_of(f"experiment {number}", "u-42", {"a": 1, "b": 1}) for number in range(64)]
    assert set(arms) == {"a", "b"}, "another experiment draws anew"


def test_known_arms() -> None:
    """These people have been in these arms since the first release: who has seen one subject never sees the other."""
    drawn = "".join(arm_of("cart subject", f"u-{number}", {"n": 50, "p": 50}) for number in range(20))
    assert drawn == "nnnpppnpppnpnnppnpnn"


def test_proportions() -> None:
    """Of 4,000 people about a quarter is in an arm of a quarter of the weight, and nobody in one of weight zero."""
    counts = Counter(arm_of("offer", f"u-{number}", {"none": 3, "some": 1, "never": 0}) for number in range(4000))
    assert set(counts) == {"none", "some"}
    assert 900 < counts["some"] < 1100


@pytest.mark.parametrize("arms", [{}, {"a": 0}, {"a": 0, "b": 0}, {"a": 50, "b": -50}, {"a": 100, "b": -1}])
def test_no_arm_to_choose(arms: dict[str, int]) -> None:
    """Weights of which none is above zero, or one below, are refused in words, by the experiment's name."""
    with pytest.raises(ValueError, match="subject: give at least one arm a weight above zero, and none a weight below"):
        arm_of("subject", "u-42", arms)
