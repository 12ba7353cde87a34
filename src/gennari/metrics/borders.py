"""Borders between areas: found within a tolerance (F1), and how far off in mm."""

import numpy as np
from jaxtyping import Float, Integer
from scipy import ndimage
from scipy.spatial import KDTree


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


def border_distances_px(
    true: Integer[np.ndarray, "h w"], pred: Integer[np.ndarray, "h w"], first_area: int, ignore: int = 255
) -> dict[tuple[int, int], Float[np.ndarray, "n"]]:
    """How far the borders between areas are from where they are predicted, in px, for each pair that touches in truth.

    A border is made of the sides that a pixel of one area shares with a pixel of the other; for each of them the
    distance to the nearest predicted side *of the same pair* in the section is given, from middle to middle. It is inf
    where the pair is predicted nowhere. Only missed borders cost: a map full of noise has borders everywhere and comes
    out well here and badly in err_seg.

    Args:
        true: classes; pixels of `ignore` have no border.
        pred: classes.
        first_area: classes before it are tissue; their borders do not count.
        ignore: label of pixels that nobody annotated.
    """
    wanted, wanted_pair = _sides(true, first_area, ignore)
    given, given_pair = _sides(pred, first_area, ignore)
    found = {}
    for first, second in np.unique(wanted_pair, axis=0).tolist():
        asking = wanted[(wanted_pair == (first, second)).all(axis=1)]
        there = given[(given_pair == (first, second)).all(axis=1)]
        distance = KDTree(there).query(asking)[0] if len(there) else np.full(len(asking), np.inf)
        found[first, second] = np.asarray(distance)
    return found


def _borders(labels: np.ndarray, first_area: int, ignore: int) -> np.ndarray:
    area = (labels >= first_area) & (labels != ignore)
    border = np.zeros(labels.shape, bool)
    border[:-1] |= (labels[1:] != labels[:-1]) & area[1:] & area[:-1]
    border[:, :-1] |= (labels[:, 1:] != labels[:, :-1]) & area[:, 1:] & area[:, :-1]
    return border


def _sides(labels: np.ndarray, first_area: int, ignore: int) -> tuple[np.ndarray, np.ndarray]:
    """Middles (row, col) of the sides between two areas, and the two areas, the lower first."""
    area = (labels >= first_area) & (labels != ignore)
    middles, pairs = [], []
    for axis in (0, 1):
        before, after = (np.take(labels, range(k, labels.shape[axis] - 1 + k), axis) for k in (0, 1))
        both = np.take(area, range(labels.shape[axis] - 1), axis) & np.take(area, range(1, labels.shape[axis]), axis)
        here = np.nonzero((before != after) & both)
        middle = np.column_stack(here).astype(float)
        middle[:, axis] += 0.5
        middles.append(middle)
        pairs.append(np.sort(np.column_stack([before[here], after[here]]).astype(int), axis=1))
    return np.concatenate(middles), np.concatenate(pairs)
