"""Which products go with which: those that the same people care for. Needs numpy; only training does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .recommender import saturated

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Near = tuple[NDArray[np.int32], NDArray[np.float32]]
"""For each product so many others, -1 where there are no more, and what the interest in it says of each."""

LEAST = 2
"""People who must care for both before two products have to do with each other: what one alone does is theirs."""
WIDTH = 100
"""How many are kept for each product."""
MOST_EACH = 200
"""Of so many products of one person, those they care for most, is learned; a machine may have looked at all."""
MOST_WEIGHED = 4_000
"""Up to so many products each is weighed against all at once, which takes the cube of their number in time."""
RIDGE = 0.5
"""How strongly those weights are kept small, as part of what the product says that most people care for."""


@dataclass(frozen=True)
class Cared:
    """Who cares for what, and how much, 0 to 1: one row for each person and product, sorted by person."""

    person: Ints
    product: Ints
    value: Floats

    @classmethod
    def of(cls, person: Ints, product: Ints, points: Floats, products: int) -> Cared:
        """From points of single events: summed for each pair, and no more than MOST_EACH of a person."""
        pair, place = np.unique(person * products + product, return_inverse=True)
        owner, held, value = pair // products, pair % products, saturated(np.bincount(place, points))
        order = np.lexsort((-value, owner))
        _, starts, counts = np.unique(owner[order], return_index=True, return_counts=True)
        rank = np.arange(len(order)) - np.repeat(starts, counts)
        kept = np.sort(order[rank < MOST_EACH])
        return cls(np.unique(owner[kept], return_inverse=True)[1], held[kept], value[kept])

    def together(self, products: int, value: Floats) -> Iterator[Floats]:
        """For each product the sum of products of values with each other over all people; 0 below LEAST of them."""
        count = np.bincount(self.person)
        start = count.cumsum() - count
        by_product = np.argsort(self.product, kind="stable")
        ends = np.searchsorted(self.product[by_product], np.arange(products + 1))
        for place in range(products):
            rows = by_product[ends[place] : ends[place + 1]]
            people = self.person[rows]
            many = count[people]
            # All rows of all these people, one after the other.
            at = np.arange(many.sum()) - np.repeat(many.cumsum() - many, many) + np.repeat(start[people], many)
            parts = value[at] * np.repeat(value[rows], many)
            found = np.bincount(self.product[at], parts, minlength=products).astype(np.float64)
            found[np.bincount(self.product[at], minlength=products) < LEAST] = 0.0
            yield found


def weighed(cared: Cared, products: int, done: Callable[[int], None] = lambda count: None, width: int = WIDTH) -> Near:
    """What interest in each product adds to, or takes from, the interest in each other, all others held equal.

    A linear model of each product by all others, with a ridge, solved for all at once (EASE, Steck 2019).
    """
    gram = np.zeros((products, products))
    for place, row in enumerate(cared.together(products, cared.value)):
        gram[place] = row
        done(1)
    largest = float(gram.diagonal().max(initial=0.0))
    if not largest:
        return _kept(gram, width)
    gram[np.diag_indices(products)] += RIDGE * largest
    weights: Floats = np.linalg.inv(gram).astype(np.float64, copy=False)
    weights /= -weights.diagonal()
    np.fill_diagonal(weights, 0.0)
    # Not all at once: each of these is as large as the sorting of it.
    parts = [_kept(weights[at : at + 500], width) for at in range(0, products, 500)]
    return np.vstack([near for near, _ in parts]), np.vstack([said for _, said in parts])


def alike(cared: Cared, products: int, done: Callable[[int], None] = lambda count: None, width: int = WIDTH) -> Near:
    """How alike each product is to each other: the cosine over all people, of whom those who care for much count less."""
    value = cared.value / np.sqrt(np.bincount(cared.person).clip(1))[cared.person] if len(cared.person) else cared.value
    length = np.sqrt(np.bincount(cared.product, value**2, minlength=products)).clip(1e-12)
    width = max(1, min(width, products - 1))
    near, likeness = np.full((products, width), -1, np.int32), np.zeros((products, width), np.float32)
    for place, row in enumerate(cared.together(products, value)):
        cosine = row / (length * length[place])
        cosine[place] = 0.0
        near[place : place + 1], likeness[place : place + 1] = _kept(cosine[None, :], width)
        done(1)
    return near, likeness


def _kept(weights: Floats, width: int) -> Near:
    """Of each row the largest, whichever way they point, largest first."""
    products = weights.shape[1]
    if products < 2:
        return np.full((len(weights), 1), -1, np.int32), np.zeros((len(weights), 1), np.float32)
    width = min(width, products - 1)
    size = np.abs(weights)
    first = np.argpartition(-size, min(width - 1, products - 1), axis=1)[:, :width]
    first = np.take_along_axis(first, np.argsort(-np.take_along_axis(size, first, 1), axis=1, kind="stable"), 1)
    found = np.take_along_axis(weights, first, 1)
    return np.where(found == 0.0, -1, first).astype(np.int32), found.astype(np.float32)
