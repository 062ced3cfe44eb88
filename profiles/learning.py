"""How a model is made of what everybody has done, and what it is worth. Needs numpy; only training does."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np

from events import OrderCompleted

from .doings import Diary, Doings
from .fitting import Worth, fitted, worth
from .forecast import AHEAD, Categories, Logistic, NextCategory
from .likeness import MOST_WEIGHED, Cared, Floats, Ints, alike, weighed
from .model import Model
from .recommender import HALF_LIFE, WEIGHTS, Recommender, Touch

T = TypeVar("T")
Told = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and of how much."""
SPAN = timedelta(days=365)
"""How far back is learned from."""
MOST_PRODUCTS = 20_000
"""Which many people care for. More would only make the model larger: of the others too little is known."""
MOST_CATEGORIES = 200
CUTS = 6
"""Moments, AHEAD apart, from each of which on is compared what was known with what came of it."""
MOST_ROWS = 100_000
MOST_TASTES = 2_000
TEN = 10
LEAST = 50
"""Of those who did it, and of those who did not, that it takes to learn from."""


def learned(doings: Doings, now: datetime, sold: Collection[str] | None = None, told: Told = lambda *_: None) -> Model:
    """All that can be learned by `now`; `sold` are the products of the catalogue, None where there is none."""
    tried = _tried(doings, now, sold)
    recommender = _recommender(doings, now, sold, told)
    buying, buying_worth, buying_rows = _buying(doings, now, told)
    category, category_worth = _next_category(doings, now, told)
    figures = {
        "people": len(doings.people),
        "events": len(doings.at),
        "products": len(recommender.ids),
        "recommending": tried,
        "buying": buying_worth.plain() | {"learned_from": buying_rows} if buying_worth else None,
        "next_category": category_worth.plain() if category_worth else None,
    }
    return Model(now, recommender, buying, category, figures)


def _recommender(doings: Doings, now: datetime, sold: Collection[str] | None, told: Told) -> Recommender:
    person, product, points = _points(doings, now)
    ids = [*doings.products]
    people_of = np.bincount(np.unique(person * max(len(ids), 1) + product) % max(len(ids), 1), minlength=len(ids))
    order = [int(each) for each in np.lexsort((np.arange(len(ids)), -people_of)) if sold is None or ids[each] in sold]
    kept = np.array(order[:MOST_PRODUCTS], np.int64)
    place = np.full(len(ids), -1, np.int64)
    place[kept] = np.arange(len(kept))
    mine = place[product] >= 0 if len(product) else np.zeros(0, bool)
    count, done = len(kept), 0

    def step(number: int) -> None:
        nonlocal done
        done += number
        told("products compared", done, count)

    cared = Cared.of(person[mine], place[product[mine]], points[mine], max(count, 1))
    near, likeness = (weighed if count <= MOST_WEIGHED else alike)(cared, count, step)
    popularity = people_of[kept] / max(int(people_of[kept].max(initial=0)), 1)
    facts = [] if sold is not None else [doings.facts.get(each, (0.0, {}))[1] for each in kept.tolist()]
    return Recommender.of(
        [ids[each] for each in kept],
        categories=[*doings.categories],
        category_of=array("i", [doings.category_of.get(each, -1) for each in kept.tolist()]),
        popularity=array("f", popularity.tolist()),
        width=near.shape[1],
        near=array("i", near.ravel().tolist()),
        likeness=array("f", likeness.ravel().tolist()),
        facts=facts,
    )


def _tried(doings: Doings, now: datetime, sold: Collection[str] | None) -> dict[str, float] | None:
    """How often what was known AHEAD ago would have named, among ten, a product that people came to since; None for too few."""
    start, ids = now - AHEAD, [*doings.products]
    first: dict[tuple[int, int], float] = {}
    for who, product, at in zip(doings.line_person, doings.line_product, doings.line_at, strict=True):
        first[who, product] = min(first.get((who, product), at), at)
    fresh: dict[int, set[str]] = {}
    for (who, product), at in first.items():
        if at > start.timestamp() and (sold is None or ids[product] in sold):
            fresh.setdefault(who, set()).add(ids[product])
    before = {who for (who, _), at in first.items() if at <= start.timestamp()}
    people = sorted(before & fresh.keys())
    if len(people) < LEAST:
        return None
    chosen = _some(people, MOST_TASTES)
    trial = _recommender(doings, start, sold, lambda *_: None)
    ours = popular = 0
    for who, touches in doings.touches(set(chosen)).items():
        known = [touch for touch in touches if touch.at <= start]
        held = {touch.product_id for touch in known}
        ranked = [each for each in trial.ranked(known, start, TEN + len(held)) if each not in held][:TEN]
        ours += not fresh[who].isdisjoint(ranked)
        popular += not fresh[who].isdisjoint([each for each in trial.ids if each not in held][:TEN])
    return {"people": len(chosen), "ours": ours / len(chosen), "popular": popular / len(chosen)}


def _points(doings: Doings, now: datetime) -> tuple[Ints, Ints, Floats]:
    """Of each line up to `now` the person and the product, and what it says of the interest in it by then."""
    weights = np.array([WEIGHTS.get(name, 0.0) for name in doings.names])
    age = (now.timestamp() - np.array(doings.line_at)).clip(0.0) / HALF_LIFE.total_seconds()
    points = weights[np.array(doings.line_name)] * 0.5**age
    person, product = (np.array(each).astype(np.int64) for each in (doings.line_person, doings.line_product))
    past = np.array(doings.line_at) <= now.timestamp()
    return person[past], product[past], points[past]


def _buying(doings: Doings, now: datetime, told: Told) -> tuple[Logistic | None, Worth | None, int]:
    """Learned from all moments but the last, judged by the last, then learned once more from all."""
    diaries = doings.diaries()
    cuts, ahead = [moment.timestamp() for moment in _cuts(now)], AHEAD.total_seconds()
    rows: list[tuple[int, Diary]] = []
    for number, cut in enumerate(cuts):
        rows += [(number, diary) for diary in diaries.values() if diary.seen and diary.seen[0] <= cut]
    rows = _some(rows, MOST_ROWS)
    measures, happened, last = list[tuple[float, ...]](), list[bool](), list[bool]()
    for done, (number, diary) in enumerate(rows, 1):
        measures.append(diary.habits(cuts[number]))
        happened.append(diary.orders_within(cuts[number], ahead))
        last.append(number == 0)
        if not done % 1000 or done == len(rows):
            told("habits looked at", done, len(rows))
    if not _is_enough(happened):
        return None, None, 0
    x, y, is_last = np.array(measures), np.array(happened), np.array(last)
    judged = None
    if _is_enough(y[~is_last].tolist()) and is_last.any():
        trial = fitted(x[~is_last], y[~is_last])
        judged = worth([trial.probability(row) for row in x[is_last].tolist()], -x[is_last][:, 0], y[is_last])
    return fitted(x, y), judged, len(y)


def _next_category(doings: Doings, now: datetime, told: Told) -> tuple[NextCategory | None, Worth | None]:
    """The same for categories: each person who ordered, and each category, in their order or not."""
    starts = _cuts(now)
    wanted = sorted({who for who, _, _ in _baskets(doings)} & doings.known)
    touches = doings.touches(set(_some(wanted, MOST_TASTES)))
    before = _categories(doings, starts[0])
    rows: list[tuple[bool, list[tuple[float, ...]], list[bool]]] = []
    for done, all_of_them in enumerate(touches.values(), 1):
        # Each person at one of the moments, so that nobody who orders often is most of what is learned.
        number = done % len(starts)
        start = starts[number]
        bought = _first_order(all_of_them, start, start + AHEAD)
        known = [touch for touch in all_of_them if touch.at <= start]
        if bought and (tastes := before.tastes_of(known, start)):
            rows.append((number == 0, tastes, [name in bought for name in before.names]))
        if not done % 100 or done == len(touches):
            told("tastes looked at", done, len(touches))
    if not _is_enough([each for _, _, happened in rows for each in happened]):
        return None, None
    model = fitted(*_flat(rows))
    past, latest = [row for row in rows if not row[0]], [row for row in rows if row[0]]
    judged = None
    if latest and _is_enough([each for _, _, happened in past for each in happened]):
        trial = fitted(*_flat(past))
        measures, happened = _flat(latest)
        judged = worth([trial.probability(row) for row in measures], [-row[2] for row in measures], happened)
    return NextCategory(_categories(doings, now), model), judged


def _categories(doings: Doings, now: datetime) -> Categories:
    """The categories as everybody's events up to that moment show them."""
    names = [*doings.categories]
    category = np.array([doings.category_of.get(product, -1) for product in range(len(doings.products))], np.int64)
    person, product, points = _points(doings, now)
    mine = category[product] >= 0 if len(product) else np.zeros(0, bool)
    orders = [(who, at, line) for who, at, line in _baskets(doings) if at <= now.timestamp() and line >= 0]
    held = {(who, at, int(category[line])) for who, at, line in orders if category[line] >= 0}
    count = np.bincount([each for _, _, each in held], minlength=len(names)) if held else np.zeros(len(names))
    kept = [int(each) for each in np.argsort(-count, kind="stable")[:MOST_CATEGORIES] if count[each]]
    place = np.full(len(names) + 1, -1, np.int64)
    place[kept] = np.arange(len(kept))
    mine[mine] &= place[category[product[mine]]] >= 0
    whole = np.zeros((len(kept), len(kept)))
    if kept:
        cared = Cared.of(person[mine], place[category[product[mine]]], points[mine], len(kept))
        near, likeness = alike(cared, len(kept), width=len(kept))
        for row, (others, values) in enumerate(zip(near, likeness, strict=True)):
            whole[row, others[others >= 0]] = values[others >= 0]
    baskets = len({(who, at) for who, at, _ in orders}) or 1
    return Categories(
        tuple(names[each] for each in kept),
        tuple(round(float(count[each]) / baskets, 6) for each in kept),
        tuple(tuple(round(float(value), 4) for value in row) for row in whole),
    )


def _baskets(doings: Doings) -> Iterator[tuple[int, float, int]]:
    """Each bought product: by whom, in the order of that moment, and which."""
    code = doings.names.index(OrderCompleted.event_name)
    rows = zip(doings.line_person, doings.line_name, doings.line_at, doings.line_product, strict=True)
    return ((who, at, product) for who, name, at, product in rows if name == code)


def _first_order(touches: Sequence[Touch], after: datetime, until: datetime) -> set[str]:
    """The categories of the first order in that time."""
    orders = [touch for touch in touches if touch.is_bought and after < touch.at <= until]
    first = min((touch.at for touch in orders), default=None)
    return {touch.category for touch in orders if touch.at == first and touch.category}


def _cuts(now: datetime) -> list[datetime]:
    """The newest first."""
    return [now.astimezone(UTC) - AHEAD * number for number in range(1, CUTS + 1)]


def _some(rows: Sequence[T], most: int) -> list[T]:
    """At most so many of these, each with the same chance, and the same ones every time."""
    if len(rows) <= most:
        return [*rows]
    places = np.random.default_rng(0).choice(len(rows), most, replace=False)
    return [rows[place] for place in sorted(places.tolist())]


def _flat(
    rows: Sequence[tuple[bool, list[tuple[float, ...]], list[bool]]],
) -> tuple[list[tuple[float, ...]], list[bool]]:
    return [each for _, tastes, _ in rows for each in tastes], [each for _, _, happened in rows for each in happened]


def _is_enough(happened: Sequence[bool]) -> bool:
    return LEAST <= sum(happened) <= len(happened) - LEAST
