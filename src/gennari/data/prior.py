"""The atlas prior: area probabilities of the surface, brought to the pixels of a section."""

from collections.abc import Sequence
from typing import cast, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Float64, Int
from numba import njit
from scipy.ndimage import distance_transform_edt, gaussian_filter

from gennari.records import Hemisphere, Ribbon
from gennari.surface.mesh import interpolate

_WORK_PER_BLUR = 0.5
"""Spreading and blurring work on pixels of at most this part of the blur: finer ones would show nothing more."""


def prior_image(
    ribbon: Ribbon,
    hemispheres: Sequence[Hemisphere],
    probabilities: Sequence[Float[np.ndarray, "_ a"]],
    spacing_um: float,
    spread_mm: float = 3.0,
    blur_mm: float = 0.5,
    shape_px: tuple[int, int] | None = None,
) -> Float16[np.ndarray, "a h w"]:
    """Area probabilities on a grid of the section; zero does not mean "not cortex".

    The probabilities are interpolated in the faces that the ribbon's pixels lie in, given to every pixel within
    `spread_mm` of the ribbon (those of its nearest cortex) and blurred. The middle steps run on pixels of at most half
    the blur, averaged from the ribbon's, and are interpolated linearly to the grid asked for.

    Args:
        ribbon: of the section.
        hemispheres: left and right.
        probabilities: (v, a) per side.
        spacing_um: of the image; its grid shares the section's outer corner.
        spread_mm: how far beyond the ribbon an area is still expected.
        blur_mm: standard deviation of the Gaussian.
        shape_px: of the image; by default it covers the ribbon's grid.
    """
    step = max(1, int(_WORK_PER_BLUR * 1000 * blur_mm / ribbon.spacing_um))
    work_um = step * ribbon.spacing_um
    covered, mean = _work_grid(ribbon, _on_ribbon(ribbon, hemispheres, probabilities), step)
    if shape_px is None:
        rows, cols = (int(np.ceil(size * ribbon.spacing_um / spacing_um - 1e-6)) for size in ribbon.depth.shape)
        shape_px = (rows, cols)
    out = np.zeros((mean.shape[1], *shape_px), np.float16)
    if not covered.any():
        return out
    found = distance_transform_edt(~covered, return_indices=True)
    distance, (near_rows, near_cols) = cast("tuple[np.ndarray, np.ndarray]", found)
    reached = distance * work_um <= 1000 * spread_mm
    index = np.cumsum(covered.ravel()).reshape(covered.shape) - 1  # covered pixel -> its row in `mean`
    nearest = index[near_rows, near_cols]
    for area in np.flatnonzero(mean.any(axis=0)):
        spread = np.where(reached, mean[nearest, area], 0.0)
        smooth = gaussian_filter(spread, 1000 * blur_mm / work_um, mode="constant") if blur_mm > 0 else spread
        out[area] = _linear(smooth, spacing_um / work_um, *shape_px)
    return out


def _on_ribbon(
    ribbon: Ribbon, hemispheres: Sequence[Hemisphere], probabilities: Sequence[Float[np.ndarray, "_ a"]]
) -> Float32[np.ndarray, "n a"]:
    """Probabilities at the ribbon's pixels, in the order of np.nonzero(ribbon.cortex)."""
    side, face, weights = ribbon.side[ribbon.cortex], ribbon.face[ribbon.cortex], ribbon.weights[ribbon.cortex]
    values = np.empty((len(face), probabilities[0].shape[1]), np.float32)
    for number, (hemisphere, columns) in enumerate(zip(hemispheres, probabilities, strict=True)):
        if len(columns) != len(hemisphere.pial.vertices_mm):
            raise ValueError(
                f"the atlas of hemisphere {hemisphere.side} must have a row a vertex "
                f"({len(hemisphere.pial.vertices_mm)}), got {len(columns)}; is it of another mesh?"
            )
        here = side == number
        values[here] = interpolate(columns, hemisphere.pial.faces, face[here], weights[here])
    return values


def _work_grid(
    ribbon: Ribbon, values: Float32[np.ndarray, "n a"], step: int
) -> tuple[Bool[np.ndarray, "h w"], Float64[np.ndarray, "m a"]]:
    """Which coarse pixels hold cortex, and the mean of the values in each of those (row-major order)."""
    rows, cols = (-(-size // step) for size in ribbon.depth.shape)
    place = _places(ribbon.cortex, step, cols)
    counts = np.bincount(place, minlength=rows * cols)
    covered = counts > 0
    sums = np.column_stack([np.bincount(place, column, rows * cols)[covered] for column in values.T])
    return covered.reshape(rows, cols), sums / counts[covered][:, None]


def _places(cortex: Bool[np.ndarray, "h w"], step: int, cols: int) -> Int[np.ndarray, "n"]:
    row, col = np.nonzero(cortex)
    return (row // step) * cols + col // step


def _linear(image: Float64[np.ndarray, "h w"], ratio: float, rows: int, cols: int) -> Float32[np.ndarray, "r c"]:
    """Linear interpolation at the centres of a grid whose pixels are `ratio` of the image's; edges are held."""
    return _interpolated(image, ratio, rows, cols)


@no_type_check
@njit(cache=True)
def _interpolated(image, ratio, rows, cols):
    height, width = image.shape
    out = np.empty((rows, cols), np.float32)
    for i in range(rows):
        y = min(max((i + 0.5) * ratio - 0.5, 0.0), height - 1.0)
        r0 = min(int(y), max(height - 2, 0))
        r1 = min(r0 + 1, height - 1)
        for j in range(cols):
            x = min(max((j + 0.5) * ratio - 0.5, 0.0), width - 1.0)
            c0 = min(int(x), max(width - 2, 0))
            c1 = min(c0 + 1, width - 1)
            upper = image[r0, c0] + (x - c0) * (image[r0, c1] - image[r0, c0])
            lower = image[r1, c0] + (x - c0) * (image[r1, c1] - image[r1, c0])
            out[i, j] = upper + (y - r0) * (lower - upper)
    return out
