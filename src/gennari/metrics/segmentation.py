"""err_seg: errors of a label map weighted by how far off they are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy.spatial import KDTree


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


def _rim(labels: np.ndarray) -> np.ndarray:
    rim = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    rim[1:] |= down
    rim[:-1] |= down
    rim[:, 1:] |= right
    rim[:, :-1] |= right
    return rim
