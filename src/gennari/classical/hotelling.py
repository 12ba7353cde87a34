"""How different are two neighbouring blocks of profiles: Mahalanobis D², Hotelling's T² and F."""

from collections.abc import Sequence
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int64
from numba import njit
from scipy import stats

SINGULAR = 1e-10
"""A pivot of the pooled covariance below this share of its diagonal: the features depend on each other there."""
LANES = 16


def d2_by_block(
    features: Float[np.ndarray, "n p"], blocks: Sequence[int], closed: bool = False
) -> Float[np.ndarray, "b n"]:
    """Compare the rows before each gap with as many after it, for several block sizes (Schleicher et al. 1999).

    D² = (m1-m2)ᵀ S⁻¹ (m1-m2), with S the pooled covariance of the two blocks. Gap i lies between row i and row i + 1;
    the last one between the last row and the first, where the piece is closed.

    Args:
        features: rows in order along one piece of ribbon.
        blocks: rows in each of the two blocks.
        closed: the piece returns to its start, so blocks go round.

    Returns:
        One row a block size; NaN where two blocks do not fit, or the features depend on each other within them.

    Raises:
        ValueError: blocks too small for so many features, a row that is not finite, or features that depend on each
            other over all rows.
    """
    n, p = features.shape
    smallest = min(blocks)
    if 2 * smallest <= p + 1:
        raise ValueError(f"two blocks of b rows compare p features if 2b > p + 1, got b = {smallest}, p = {p}")
    if not np.isfinite(features).all():
        raise ValueError("rows must be finite to be compared; leave out those that are not known")
    # D² does not change if all rows are moved and scaled alike; sums of squares lose fewer digits so
    spread = features.std(axis=0)
    rows = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    if np.linalg.matrix_rank(rows) < min(n - 1, p):
        raise ValueError(f"the {p} features must not depend on each other over all rows; leave some out")
    around = max(b for b in blocks if 2 * b <= n) if closed and n >= 2 * smallest else 0
    padded = np.concatenate([rows[n - around :], rows, rows[:around]])
    d2 = np.full((len(blocks), n), np.nan)
    _fill_d2(padded, around, np.array([b if 2 * b <= n else 0 for b in blocks]), d2)
    return d2


def f_of_d2(
    d2: Float[np.ndarray, "*m"], block: int | Int64[np.ndarray, "*m"], features: int
) -> tuple[Float[np.ndarray, "*m"], Float[np.ndarray, "*m"]]:
    """F = (2b-p-1) / ((2b-2) p) · T², T² = b/2 · D², and its p-value under F(p, 2b-p-1) for independent rows.

    Neighbouring profiles are not independent: the p-value is too small by far, printed only beside one from surrogates.

    Args:
        d2: of two blocks.
        block: rows in each of them.
        features: their number p.
    """
    b = np.asarray(block)
    f = (2 * b - features - 1) / ((2 * b - 2) * features) * b / 2 * d2
    return f, np.asarray(stats.f.sf(f, features, 2 * b - features - 1))


@no_type_check
@njit(cache=True, nogil=True)
def _fill_d2(padded, around, blocks, d2):
    """D² of each gap and block size; `padded` has `around` rows more at each end, a block of 0 is left out.

    LANES gaps are worked on at once: their numbers lie side by side, so that the innermost loops are vector operations.
    """
    m, p = padded.shape
    sums, squares = _running_sums(padded)
    lower, step, found = np.empty((p, p, LANES)), np.empty((p, LANES)), np.empty(LANES)
    for j in range(len(blocks)):
        b = blocks[j]
        if b == 0:
            continue
        for first in range(max(b - around - 1, 0), min(m - b - around, d2.shape[1]), LANES):
            lanes = min(LANES, min(m - b - around, d2.shape[1]) - first)
            _compare(sums, squares, b, around + first + 1, lanes, lower, step)
            _mahalanobis(lower, step, found)
            for i in range(lanes):
                d2[j, first + i] = found[i]


@no_type_check
@njit(cache=True, nogil=True)
def _running_sums(rows):
    """Sums over the rows before each one, of the features and of the products of each two."""
    m, p = rows.shape
    sums, squares = np.zeros((p, m + 1)), np.zeros((p * (p + 1) // 2, m + 1))
    k = 0
    for r in range(p):
        for i in range(m):
            sums[r, i + 1] = sums[r, i] + rows[i, r]
        for c in range(r + 1):
            for i in range(m):
                squares[k, i + 1] = squares[k, i] + rows[i, r] * rows[i, c]
            k += 1
    return sums, squares


@no_type_check
@njit(cache=True, nogil=True)
def _compare(sums, squares, b, start, lanes, lower, step):
    """Pooled covariance and step of the means of the blocks before and after rows `start`, `start` + 1, ...

    Lanes beyond the last one repeat it.
    """
    p = len(step)
    one, two = np.empty((p, LANES)), np.empty((p, LANES))
    for r in range(p):
        for i in range(LANES):
            at = start + min(i, lanes - 1)
            one[r, i] = (sums[r, at] - sums[r, at - b]) / b
            two[r, i] = (sums[r, at + b] - sums[r, at]) / b
            step[r, i] = two[r, i] - one[r, i]
    k = 0
    for r in range(p):
        for c in range(r + 1):
            for i in range(LANES):
                at = start + min(i, lanes - 1)
                both = squares[k, at + b] - squares[k, at - b]
                lower[r, c, i] = (both - b * (one[r, i] * one[c, i] + two[r, i] * two[c, i])) / (2 * b - 2)
            k += 1


@no_type_check
@njit(cache=True, nogil=True)
def _mahalanobis(lower, step, found):
    """stepᵀ S⁻¹ step by Cholesky, S in the lower triangle; both are overwritten. NaN where S cannot be inverted."""
    p, lanes = step.shape
    pivot = np.empty(lanes)
    found[:] = 0.0
    for r in range(p):
        for i in range(lanes):
            pivot[i] = lower[r, r, i]
        for c in range(r):
            for k in range(c):
                for i in range(lanes):
                    lower[r, c, i] -= lower[r, k, i] * lower[c, k, i]
            for i in range(lanes):
                # diagonals hold 1 / root of their pivot from here on
                lower[r, c, i] *= lower[c, c, i]
                step[r, i] -= lower[r, c, i] * step[c, i]
                pivot[i] -= lower[r, c, i] * lower[r, c, i]
        for i in range(lanes):
            root = np.nan
            if pivot[i] > SINGULAR * lower[r, r, i]:
                root = 1.0 / np.sqrt(pivot[i])
            lower[r, r, i] = root
            step[r, i] *= root
            found[i] += step[r, i] * step[r, i]
