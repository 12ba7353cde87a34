"""How good is it: err_dist, Dice, err_seg, confusion, border F1. Arrays in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy import ndimage, stats
from scipy.spatial import KDTree


def confusion(
    true: Integer[np.ndarray, "*s"], pred: Integer[np.ndarray, "*s"], classes: int, ignore: int = 255
) -> Integer[np.ndarray, "c c"]:
    """Pixels of true class (row) that were given a class (column), (classes, classes); ignored pixels do not count.

    Raises:
        ValueError: an evaluated pixel has a class outside 0..classes-1.
    """
    valid = true != ignore
    t, p = true[valid].astype(np.int64), pred[valid].astype(np.int64)
    for name, values in (("true", t), ("predicted", p)):
        if values.size and (values.min() < 0 or values.max() >= classes):
            raise ValueError(
                f"{name} classes must lie in 0..{classes - 1} on evaluated pixels, "
                f"got {values.min()}..{values.max()}; another label set?"
            )
    return np.bincount(t * classes + p, minlength=classes * classes).reshape(classes, classes)


def row_normalised(counts: Integer[np.ndarray, "c c"]) -> Float[np.ndarray, "c c"]:
    """Share of each true class that was given each class; rows of classes that are absent are NaN."""
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), np.nan)


def dice_per_class(counts: Integer[np.ndarray, "c c"]) -> Float[np.ndarray, "c"]:
    """Dice of each class from a confusion matrix; NaN for a class that is neither true nor predicted anywhere."""
    hit = np.diag(counts)
    size = counts.sum(axis=0) + counts.sum(axis=1)
    return np.where(size > 0, 2 * hit / np.maximum(size, 1), np.nan)


def macro_dice(dice: Float[np.ndarray, "c"], indices: Sequence[int]) -> float:
    """Mean Dice over the classes `indices`; those that occur nowhere (NaN) are left out, NaN if none is left."""
    chosen = dice[list(indices)]
    chosen = chosen[~np.isnan(chosen)]
    return float(chosen.mean()) if chosen.size else float("nan")


@dataclass(frozen=True, kw_only=True)
class DistanceError:
    """How well distances between pairs are predicted (method section 4).

    Attributes:
        mean_mm: err_dist, mean |predicted - true|.
        median_predictor_mm: the same for a predictor that always says `constant_mm`.
        constant_mm: what that predictor says.
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


def distance_error(
    predicted_mm: Float[np.ndarray, "p"],
    true_mm: Float[np.ndarray, "p"],
    constant_mm: float | None = None,
    near_limit_mm: float = 20.0,
) -> DistanceError:
    """err_dist and what stands beside it.

    Args:
        predicted_mm: what the network says of each pair.
        true_mm: the geodesic distance of each pair.
        constant_mm: what the trivial predictor says: the median distance of the *training* pairs. None takes the
            median of `true_mm` itself, which is the best any constant can do.
        near_limit_mm: pairs below it are near.

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
    medians = np.array([np.median(train_mm[train_bin == b]) for b in range(len(edges) + 1)])
    return medians[which]


@dataclass(frozen=True, kw_only=True)
class SegmentationError:
    """err_seg and its size-free companions (method section 4). A is the number of evaluated pixels.

    Attributes:
        err_seg: 100 sqrt(sum of d_i²) / A with d_i in px: free of the spacing, falls as 1/sqrt(area) by nature.
        err_seg_present: the same without the pixels whose predicted class is absent from the truth.
        absent_share: share of the sum of d_i² that those pixels make.
        mean_um: mean pixel distance: sum of d_i over misclassified pixels / A (right pixels count as 0).
        mean_present_um: the same without the pixels of absent classes in the sum.
        rms_um: sqrt(sum of d_i² / A).
        wrong_share: misclassified pixels / A.
        area_mm2: evaluated area.
    """

    err_seg: float
    err_seg_present: float
    absent_share: float
    mean_um: float
    mean_present_um: float
    rms_um: float
    wrong_share: float
    area_mm2: float


def segmentation_error(
    true: Integer[np.ndarray, "h w"],
    pred: Integer[np.ndarray, "h w"],
    spacing_um: float,
    ignore: int = 255,
    evaluated: Bool[np.ndarray, "h w"] | None = None,
) -> SegmentationError:
    """Distance-weighted error of one section (Yasnoff, Mui, Bacus 1977).

    d_i is the Euclidean distance from misclassified pixel i to the nearest pixel whose true class is the class
    predicted at i; where the section holds none, d_i is the diagonal of the map. Sections are averaged, never pooled.
    The normalisation by A is how we read the paper.

    Args:
        true: classes; pixels of `ignore` are neither evaluated nor a place where a class is.
        pred: classes.
        spacing_um: of both maps.
        ignore: label of pixels that nobody annotated.
        evaluated: evaluate these pixels only; nearest pixels still come from all of `true`.

    Raises:
        ValueError: no pixel is evaluated.
    """
    counted = true != ignore if evaluated is None else evaluated & (true != ignore)
    n = int(counted.sum())
    if n == 0:
        raise ValueError("err_seg needs at least one evaluated pixel, got none; is the whole section unlabelled?")
    distance, absent = wrong_distances_px(true, pred, counted)
    squares, absent_squares = float((distance**2).sum()), float((distance[absent] ** 2).sum())
    return SegmentationError(
        err_seg=100 * np.sqrt(squares) / n,
        err_seg_present=100 * float(np.sqrt(squares - absent_squares if absent.any() else squares)) / n,
        absent_share=absent_squares / squares if squares else 0.0,
        mean_um=float(distance.sum()) * spacing_um / n,
        mean_present_um=float(distance[~absent].sum()) * spacing_um / n,
        rms_um=float(np.sqrt(squares / n)) * spacing_um,
        wrong_share=len(distance) / n,
        area_mm2=n * (spacing_um / 1000) ** 2,
    )


def wrong_distances_px(
    true: Integer[np.ndarray, "h w"], pred: Integer[np.ndarray, "h w"], counted: Bool[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, "m"], Bool[np.ndarray, "m"]]:
    """d_i of the misclassified pixels of `counted` in row-major order, and whether their class is absent.

    The nearest pixel of a class always has a 4-neighbour of another class (or a step towards i would come nearer), so
    a kd-tree over each class's rim is exact, and absence is seen before any distance is asked for.
    """
    wrong = counted & (true != pred)
    points, wanted = np.argwhere(wrong), pred[wrong]
    distance = np.full(len(points), float(np.hypot(*true.shape)))
    absent = np.ones(len(points), bool)
    rim = _rim(true)
    rim_points, rim_class = np.argwhere(rim), true[rim]
    for label in np.unique(wanted):
        there = rim_points[rim_class == label]
        if len(there):
            asking = wanted == label
            distance[asking] = KDTree(there).query(points[asking])[0]
            absent[asking] = False
    return distance, absent


def border_f1(
    true: Integer[np.ndarray, "h w"],
    pred: Integer[np.ndarray, "h w"],
    tolerance_px: float | int,
    first_area: int = 0,
    ignore: int = 255,
) -> float:
    """F1 of predicted borders that lie within a tolerance of true ones, and the reverse.

    A border pixel differs from its right or lower neighbour; only borders between two classes >= `first_area` count.
    Borders predicted where the truth says nothing do not count. NaN where neither map has a border.
    """
    known = true != ignore
    wanted, given = _borders(true, first_area, ignore), _borders(np.where(known, pred, ignore), first_area, ignore)
    if not wanted.any() and not given.any():
        return float("nan")
    if not wanted.any() or not given.any():
        return 0.0
    precision = float((np.asarray(ndimage.distance_transform_edt(~wanted))[given] <= tolerance_px).mean())
    recall = float((np.asarray(ndimage.distance_transform_edt(~given))[wanted] <= tolerance_px).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def auroc(score: Float[np.ndarray, "n"], positive: Bool[np.ndarray, "n"]) -> float:
    """Chance that a positive scores above a negative, ties counting half; NaN without one of either."""
    n_pos = int(positive.sum())
    n_neg = len(positive) - n_pos
    if not n_pos or not n_neg:
        return float("nan")
    ranks = stats.rankdata(score)
    return float((ranks[positive].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg))


def _rim(labels: np.ndarray) -> np.ndarray:
    rim = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    rim[1:] |= down
    rim[:-1] |= down
    rim[:, 1:] |= right
    rim[:, :-1] |= right
    return rim


def _borders(labels: np.ndarray, first_area: int, ignore: int) -> np.ndarray:
    area = (labels >= first_area) & (labels != ignore)
    border = np.zeros(labels.shape, bool)
    border[:-1] |= (labels[1:] != labels[:-1]) & area[1:] & area[:-1]
    border[:, :-1] |= (labels[:, 1:] != labels[:, :-1]) & area[:, 1:] & area[:, :-1]
    return border
