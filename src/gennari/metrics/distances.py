"""err_dist of the pretext task, and what stands beside it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats


@dataclass(frozen=True, kw_only=True)
class DistanceError:
    """How well distances between pairs are predicted (method section 4).

    Attributes:
        mean_mm: err_dist, mean |predicted - true|.
        median_predictor_mm: the same for a predictor that always says `constant_mm`.
        constant_mm: what that predictor says.
        section_only_mm: the same for a predictor that sees only how far apart the two sections are
            (`section_predictor_mm`); NaN where nobody asked it.
        spearman: rank correlation (NaN where one side is constant).
        near_mm, far_mm: err_dist over pairs whose true distance is below the limit, and the others; NaN without any.
    """

    mean_mm: float
    median_predictor_mm: float
    constant_mm: float
    spearman: float
    near_mm: float
    far_mm: float
    n_pairs: int
    section_only_mm: float = float("nan")


def distance_error(
    predicted_mm: Float[np.ndarray, "p"],
    true_mm: Float[np.ndarray, "p"],
    constant_mm: float | None = None,
    near_limit_mm: float = 20.0,
    section_only: Float[np.ndarray, "p"] | None = None,
) -> DistanceError:
    """err_dist and what stands beside it.

    Args:
        predicted_mm: what the network says of each pair.
        true_mm: the geodesic distance of each pair.
        constant_mm: what the trivial predictor says: the median distance of the *training* pairs. None takes the
            median of `true_mm` itself, which is the best any constant can do.
        near_limit_mm: pairs below it are near.
        section_only: what `section_predictor_mm` says of each pair, in mm.

    Raises:
        ValueError: there is no pair.
    """
    if not len(true_mm):
        raise ValueError("err_dist needs at least one pair, got none; is the split empty?")
    error = np.abs(predicted_mm - true_mm)
    constant = float(np.median(true_mm)) if constant_mm is None else constant_mm
    near = true_mm < near_limit_mm
    varies = np.ptp(predicted_mm) > 0 and np.ptp(true_mm) > 0
    return DistanceError(
        mean_mm=float(error.mean()),
        median_predictor_mm=float(np.abs(constant - true_mm).mean()),
        constant_mm=constant,
        spearman=float(np.corrcoef(*map(stats.rankdata, (predicted_mm, true_mm)))[0, 1]) if varies else float("nan"),
        near_mm=float(error[near].mean()) if near.any() else float("nan"),
        far_mm=float(error[~near].mean()) if not near.all() else float("nan"),
        n_pairs=len(true_mm),
        section_only_mm=float("nan") if section_only is None else float(np.abs(section_only - true_mm).mean()),
    )


def section_predictor_mm(
    train_gap: Float[np.ndarray, "p"],
    train_mm: Float[np.ndarray, "p"],
    gap: Float[np.ndarray, "q"],
    bins: int = 20,
) -> Float[np.ndarray, "q"]:
    """Distances as predicted by one who sees only how far apart the two sections are.

    The median training distance among pairs of a like gap (`bins` bins of equal counts).
    """
    edges = np.unique(np.quantile(train_gap, np.linspace(0, 1, bins + 1)))[1:-1]
    train_bin, which = np.searchsorted(edges, train_gap, "right"), np.searchsorted(edges, gap, "right")
    # gaps that are often the same leave bins in which no training pair falls; there the median of all is said
    medians = np.full(len(edges) + 1, np.median(train_mm))
    for b in np.unique(train_bin):
        medians[b] = np.median(train_mm[train_bin == b])
    return medians[which]
