"""What goes with what, and what is named first for whom."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from profiles import learning
from profiles.learning import learned
from profiles.likeness import MOST_EACH, Cared
from profiles.model import Model
from profiles.recommender import Recommender, Touch, interest_of, lines_of, touches_in
from tests.shopping import DAY, doings, line, moment

NOW = moment()


def touch(product: str, name: str = "Product Viewed", ago: timedelta = DAY, category: str | None = None) -> Touch:
    return Touch(name, product, category, NOW - ago)


@pytest.fixture(scope="module", params=["weighed", "alike"])
def model(request: pytest.FixtureRequest) -> Model:
    """Learned in each of the two ways: that of a small catalogue, and that of a large one."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "alike":
            patch.setattr(learning, "MOST_WEIGHED", 0)
        return learned(doings(NOW), NOW)


def test_goes_with(model: Model) -> None:
    """Who cares for some products of a kind is named the other one of it before any of another kind.

    Killed by: no weights in `weighed`.
    """
    for known, other, strange in ((["tent", "mat"], "lamp", "green"), (["mug", "pot"], "green", "lamp")):
        ranked = model.recommender.ranked([touch(each) for each in known], NOW, 8)
        fresh = [each for each in ranked if each not in known]
        assert fresh.index(other) < fresh.index(strange)
        assert set(fresh[:2]) <= {"stove", "lamp"} if "tent" in known else set(fresh[:2]) <= {"sieve", "green"}


def test_together() -> None:
    """What two products have in common is summed over exactly those who care for both, and is nothing below two of them.

    Killed by: rows of other people in `Cared.together`, or the count of one product for that of both.
    """
    chance = np.random.default_rng(4)
    whole = np.where(chance.random((30, 8)) < 0.25, chance.random((30, 8)), 0.0)
    person, product = (each.astype(np.int64) for each in np.nonzero(whole))
    cared = Cared(np.unique(person, return_inverse=True)[1], product, whole[person, product])
    expected = whole.T @ whole
    expected[(whole > 0).astype(int).T @ (whole > 0).astype(int) < 2] = 0.0
    assert np.allclose(np.array([*cared.together(8, cared.value)]), expected)
    assert (expected == 0).any()


def test_heavy_users() -> None:
    """Of who has looked at everything, only what they care for most is learned.

    Killed by: leaving MOST_EACH, or the order by value, out of Cared.of.
    """
    products = MOST_EACH + 50
    points = np.arange(1.0, products + 1)
    cared = Cared.of(np.zeros(products, np.int64), np.arange(products), points, products)
    assert cared.product.tolist() == list(range(50, products))
    assert cared.value.max() < 1


def test_newcomer(model: Model) -> None:
    """Who has touched nothing is named what most people care for, in that order, and never more than asked for.

    Killed by: leaving `range(POPULAR_FIRST)` out of the candidates.
    """
    ranked = model.recommender.ranked([], NOW, 5)
    assert ranked == list(model.recommender.ids[:5])
    unknown = model.recommender.ranked([touch("never-heard-of")], NOW, 5)
    assert unknown == ranked


def test_favourite_category() -> None:
    """Of two products that nobody has had together with anything, that of the category the person cares for comes first.

    Killed by: CATEGORY of 0.
    """
    recommender = learned(doings(NOW), NOW).recommender
    alone = replace(recommender, near=recommender.near[:0] + type(recommender.near)("i", [-1] * len(recommender.near)))
    flat = replace(alone, popularity=type(alone.popularity)("f", [0.5] * len(alone.ids)))
    ranked = [each for each in flat.ranked([touch("mug")], NOW, 8) if each != "mug"]
    assert set(ranked[:2]) == {"pot", "sieve"}
    assert next(each for each in flat.ranked([touch("tent")], NOW, 8) if each != "tent") in {"mat", "lamp"}


def test_weights() -> None:
    """A purchase says more than the cart, the cart more than a look, a late one more than an old one, and nothing more than 1.

    Killed by: equal WEIGHTS, no HALF_LIFE, or the sum without `saturated`.
    """
    look, cart, order = (
        interest_of([touch("p", name)], NOW)["p"] for name in ("Product Viewed", "Product Added", "Order Completed")
    )
    assert look < cart < order < 1
    old = interest_of([touch("p", "Order Completed", 300 * DAY)], NOW)["p"]
    assert old < cart
    assert order < interest_of([touch("p", "Order Completed")] * 1000, NOW)["p"] < 1
    assert interest_of([touch("p", ago=-DAY)], NOW)["p"] == pytest.approx(0.5), "a client's clock runs ahead"


def test_one_alone_teaches_nothing() -> None:
    """What a single person has had together has nothing to do with each other for anybody else.

    Killed by: LEAST of 1.
    """
    told = iter([("eve", "Product Viewed", DAY, line(each, "Tents")) for each in ("tent", "mug")])
    recommender = learned(doings(NOW, told), NOW).recommender
    assert set(recommender.ids) == {"tent", "mug"}
    assert set(recommender.near) == {-1}


def test_only_what_is_sold() -> None:
    """Where there is a catalogue, nothing else is learned about, and nothing is kept of what clients called it.

    Killed by: leaving `sold` out of `_recommender`.
    """
    recommender = learned(doings(NOW), NOW, {"tent", "mug", "new"}).recommender
    assert set(recommender.ids) == {"tent", "mug"}
    assert recommender.told_of("tent") == {}
    free = learned(doings(NOW), NOW).recommender
    assert free.told_of("tent")["name"] == "Tent"
    assert free.told_of("tent")["category"] == "Tents"


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"product_id": None},
        {"product_id": True},
        {"product_id": ["p"]},
        {"product_id": "x" * 201},
        {"products": "p"},
        {"products": [None, "p", {}, {"product_id": " "}]},
    ],
)
def test_what_is_no_product(properties: dict[str, object]) -> None:
    """What names no product, in whatever way, is left out, and stops nobody.

    Killed by: leaving a check of `product_id_of` or `lines_of` out.
    """
    assert lines_of(properties) == []
    assert touches_in("Product Viewed", NOW, properties) == []


def test_numbers_are_ids() -> None:
    """A product whose id is a number is the same as with that number as text.

    Killed by: leaving int out of `product_id_of`.
    """
    (found,) = touches_in("Product Added", NOW, {"products": [{"product_id": 7, "category": 3}]})
    assert (found.product_id, found.category) == ("7", None)


def test_kept_whole(model: Model) -> None:
    """What is packed comes back the same, and what is cut off, no model or of another release is refused.

    Killed by: another order of ARRAYS when it is read, or leaving the check of the length out.
    """
    back = Model.unpacked(model.packed())
    assert back == model
    assert isinstance(back.recommender, Recommender)
    touched = [touch("tent"), touch("mug")]
    assert back.recommender.ranked(touched, NOW, 8) == model.recommender.ranked(touched, NOW, 8)
    short = zlib.compress(zlib.decompress(model.packed())[:-4])
    for body in (b"", b"no model", model.packed()[:-40], short):
        with pytest.raises(ValueError, match=r".*"):
            Model.unpacked(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("profiles.model.FORMAT", 2)
        other = model.packed()
    with pytest.raises(ValueError, match="format 2"):
        Model.unpacked(other)
