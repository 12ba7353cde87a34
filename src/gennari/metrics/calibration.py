"""Whether probabilities mean what they say: expected calibration error, temperature scaling, risk against coverage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Integer
from scipy.optimize import OptimizeResult, minimize_scalar

BINS = 15
TEMPERATURES = (0.05, 20.0)
"""A temperature outside of these says that the network is wrong in another way."""
_FLOOR = 1e-12


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How often what is said with some confidence is right, by confidence.

    Attributes:
        confidence: mean in each bin; NaN where a bin is empty.
        accuracy: share of right pixels in each bin; likewise.
        counts: pixels in each bin.
    """

    confidence: Float64[np.ndarray, "b"]
    accuracy: Float64[np.ndarray, "b"]
    counts: Int[np.ndarray, "b"]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean of |accuracy - confidence| over pixels (Guo et al. 2017)."""
        gap = np.abs(np.nan_to_num(self.accuracy) - np.nan_to_num(self.confidence))
        return float((gap * self.counts).sum() / self.counts.sum())


def reliability(confidence: Float[np.ndarray, "n"], right: Bool[np.ndarray, "n"], bins: int = BINS) -> Reliability:
    """Put pixels into bins of equal width by the probability of their likeliest class.

    Args:
        confidence: that probability, 0..1.
        right: whether that class is the true one.
        bins: how many.

    Raises:
        ValueError: there is no pixel.
    """
    if not len(confidence):
        raise ValueError("reliability needs at least one pixel, got none")
    index = np.minimum((np.asarray(confidence, float) * bins).astype(int), bins - 1)
    counts = np.bincount(index, minlength=bins)
    sums = [np.bincount(index, values, bins) for values in (np.asarray(confidence, float), right.astype(float))]
    with np.errstate(invalid="ignore"):
        mean, share = (total / counts for total in sums)
    return Reliability(confidence=mean, accuracy=share, counts=counts)


def pooled(parts: Sequence[Reliability]) -> Reliability:
    """The reliability of all pixels of several parts, such as sections, that were put into the same bins.

    Raises:
        ValueError: there is no part.
    """
    if not parts:
        raise ValueError("reliability is pooled over at least one part, got none")
    counts = np.sum([part.counts for part in parts], axis=0)
    sums = [
        np.sum([np.nan_to_num(values) * part.counts for values, part in zip(column, parts, strict=True)], axis=0)
        for column in ([part.confidence for part in parts], [part.accuracy for part in parts])
    ]
    with np.errstate(invalid="ignore"):
        mean, share = (total / counts for total in sums)
    return Reliability(confidence=mean, accuracy=share, counts=counts)


def tempered(probabilities: Float[np.ndarray, "c *n"], temperature: float) -> Float[np.ndarray, "c *n"]:
    """Probabilities at another temperature: the softmax of their logits over it; the likeliest class stays.

    Above 1 they are less certain. Logits are known from probabilities but for a constant, which does not matter.
    """
    logits = np.log(np.maximum(probabilities, _FLOOR)) / temperature
    shares = np.exp(logits - logits.max(axis=0))
    return (shares / shares.sum(axis=0)).astype(probabilities.dtype)


def fit_temperature(probabilities: Float[np.ndarray, "c n"], labels: Integer[np.ndarray, "n"]) -> float:
    """The temperature at which the labels are likeliest (Guo et al. 2017), within TEMPERATURES.

    Args:
        probabilities: of each class, columns are pixels; of sections that were not trained on.
        labels: their classes.

    Raises:
        ValueError: there is no pixel.
    """
    if not len(labels):
        raise ValueError("a temperature is fitted to labelled pixels, got none")
    logits = np.log(np.maximum(np.asarray(probabilities, float), _FLOOR))
    own = logits[labels, np.arange(len(labels))]

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=0)
        return float((np.log(np.exp(scaled - top).sum(axis=0)) + top - own / np.exp(log_temperature)).mean())

    low, high = np.log(TEMPERATURES)
    found = cast(OptimizeResult, minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6}))
    return float(np.exp(found.x))


def accuracy_by_coverage(
    doubt: Float[np.ndarray, "n"], right: Bool[np.ndarray, "n"], coverages: Float[np.ndarray, "k"]
) -> Float64[np.ndarray, "k"]:
    """Share of right pixels among the least doubtful ones, by which share of all is kept.

    Args:
        doubt: such as one less the probability, or the obliqueness of the cut.
        right: whether a pixel's class is the true one.
        coverages: shares to keep, above 0 and at most 1; at least one pixel is kept.
    """
    hits = np.cumsum(right[np.argsort(doubt, kind="stable")])
    kept = np.clip(np.round(np.asarray(coverages) * len(right)).astype(int), 1, len(right))
    return hits[kept - 1] / kept
