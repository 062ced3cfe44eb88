"""How weights are found, and how good a probability is. Needs numpy; only training does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .forecast import Logistic

Floats = NDArray[np.float64]

ROUNDS = 50
PENALTY = 1.0
"""Of large weights: as much as one more observation each, so that what is always or never so gets no weight without end."""
BINS = 5


@dataclass(frozen=True)
class Worth:
    """How good a forecast is on people it was not learned from."""

    rows: int
    happened: int
    auc: float
    """The chance that of two, one of whom did it, that one was given the higher probability; 0.5 is no better than a coin."""
    baseline: float
    """The same of the baseline."""
    calibration: tuple[tuple[float, float, int], ...]
    """From the lowest fifth to the highest: the mean probability told, the part that did it, and how many they were."""

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**vars(self), "calibration": [[*each] for each in self.calibration]}

    @property
    def error(self) -> float:
        """How far what was told lies from what happened, on average over all people."""
        return sum(abs(told - was) * count for told, was, count in self.calibration) / max(self.rows, 1)


def fitted(measures: Sequence[Sequence[float]] | Floats, happened: Sequence[bool] | NDArray[np.bool_]) -> Logistic:
    """Logistic regression by Newton's method, with a ridge on standardised weights; returned in the measures' own units."""
    x, y = np.asarray(measures, np.float64), np.asarray(happened, np.float64)
    mean, spread = x.mean(0), x.std(0)
    spread[spread < 1e-9] = 1.0
    design = np.hstack([np.ones((len(x), 1)), (x - mean) / spread])
    ridge = np.full(design.shape[1], PENALTY)
    ridge[0] = 0.0
    weights = np.zeros(design.shape[1])
    base = (y.sum() + 0.5) / (len(y) + 1.0)
    weights[0] = np.log(base / (1.0 - base))
    for _ in range(ROUNDS):
        told = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (y - told) - ridge * weights
        bend = (design * (told * (1.0 - told))[:, None]).T @ design + np.diag(ridge + 1e-9)
        step = np.linalg.solve(bend, slope)
        # A step that is too long is what throws Newton's method off.
        weights = weights + step / max(1.0, float(np.abs(step).max()) / 2.0)
        if float(np.abs(step).max()) < 1e-8:
            break
    raw = weights[1:] / spread
    return Logistic(float(weights[0] - (raw * mean).sum()), tuple(float(each) for each in raw))


def auc(told: Sequence[float] | Floats, happened: Sequence[bool] | NDArray[np.bool_]) -> float:
    """The area under the ROC curve, ties counted half; 0.5 where all or none did it."""
    values, y = np.asarray(told, np.float64), np.asarray(happened, bool)
    positive, negative = int(y.sum()), int((~y).sum())
    if not positive or not negative:
        return 0.5
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = counts.cumsum() - (counts - 1) / 2.0
    return float((rank[place][y].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def worth(
    told: Sequence[float] | Floats, baseline: Sequence[float] | Floats, happened: Sequence[bool] | NDArray[np.bool_]
) -> Worth:
    """What these probabilities were worth beside a baseline's order of the same people."""
    values, y = np.asarray(told, np.float64), np.asarray(happened, bool)
    order = np.argsort(values, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    calibration = tuple((float(values[part].mean()), float(y[part].mean()), len(part)) for part in parts)
    return Worth(len(y), int(y.sum()), auc(values, y), auc(baseline, y), calibration)
