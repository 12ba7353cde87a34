"""The atlas prior: area probabilities of the surface, brought to the pixels of a section."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import cast, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Float64, Int
from numba import njit
from scipy.ndimage import distance_transform_edt, gaussian_filter

from gennari.records import Hemisphere, Ribbon
from gennari.surface.mesh import interpolate

_WORK_PER_BLUR = 0.5
"""Spreading and blurring work on pixels of at most this part of the blur: finer ones would show nothing more."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Area probabilities of a section: kept on coarse pixels, interpolated where a window of the fine grid is read.

    Behaves like a (areas, rows, cols) array that is read by slices of the last two axes. A blurred atlas shows nothing
    finer than its blur: the fine grid of a 2 µm section would take 17 GB, the coarse one takes 5 MB.

    Attributes:
        coarse: probabilities; its grid shares the section's outer corner.
        ratio: side of a fine pixel in coarse ones.
        fine_px: (rows, cols) of the fine grid.
    """

    coarse: Float16[np.ndarray, "a h w"]
    ratio: float
    fine_px: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(areas, rows, cols) of the fine grid."""
        return len(self.coarse), *self.fine_px

    @property
    def dtype(self) -> np.dtype:
        """Of what is read."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.coarse)

    def __getitem__(self, place: tuple[EllipsisType, slice, slice]) -> Float32[np.ndarray, "a r c"]:
        """Linear interpolation at the centres of fine pixels; beyond the outermost coarse centres edges are held."""
        (top, bottom, _), (left, right, _) = (s.indices(n) for s, n in zip(place[1:], self.fine_px, strict=True))
        out = np.zeros((len(self.coarse), max(bottom - top, 0), max(right - left, 0)), np.float32)
        high, wide = self.coarse.shape[1:]
        rows, cols = self._reach(top, bottom, high), self._reach(left, right, wide)
        box = np.ascontiguousarray(self.coarse[:, rows, cols]).astype(np.float32)
        for area in np.flatnonzero(box.reshape(len(box), -1).any(axis=1)) if out.size else ():
            _interpolate(box[area], self.ratio, (top, left), (rows.start, cols.start), out[area])
        return out

    def _reach(self, first: int, last: int, size: int) -> slice:
        """Coarse pixels that fine ones from `first` to before `last` lie between."""
        low, high = (int(np.floor((end + 0.5) * self.ratio - 0.5)) for end in (first, last - 1))
        return slice(min(max(low, 0), max(size - 2, 0)), min(max(high + 2, 2), size))


def make_prior(
    ribbon: Ribbon,
    hemispheres: Sequence[Hemisphere],
    probabilities: Sequence[Float[np.ndarray, "_ a"]],
    spacing_um: float,
    spread_mm: float = 3.0,
    blur_mm: float = 0.5,
    shape_px: tuple[int, int] | None = None,
) -> Prior:
    """Area probabilities on a grid of the section; zero does not mean "not cortex".

    The probabilities are interpolated in the faces that the ribbon's pixels lie in, given to every pixel within
    `spread_mm` of the ribbon (those of its nearest cortex) and blurred. All this runs on pixels of at most half the
    blur, averaged from the ribbon's.

    Args:
        ribbon: of the section; its spacing should be well below the blur.
        hemispheres: left and right.
        probabilities: (v, a) per side.
        spacing_um: of the fine grid, which shares the section's outer corner.
        spread_mm: how far beyond the ribbon an area is still expected.
        blur_mm: standard deviation of the Gaussian.
        shape_px: of the fine grid; by default it covers the ribbon's grid.
    """
    step = max(1, int(_WORK_PER_BLUR * 1000 * blur_mm / ribbon.spacing_um))
    work_um = step * ribbon.spacing_um
    covered, mean = _work_grid(ribbon, _on_ribbon(ribbon, hemispheres, probabilities), step)
    if shape_px is None:
        rows, cols = (int(np.ceil(size * ribbon.spacing_um / spacing_um - 1e-6)) for size in ribbon.depth.shape)
        shape_px = (rows, cols)
    coarse = np.zeros((mean.shape[1], *covered.shape), np.float16)
    prior = Prior(coarse=coarse, ratio=spacing_um / work_um, fine_px=shape_px)
    if not covered.any():
        return prior
    found = distance_transform_edt(~covered, return_indices=True)
    distance, (near_rows, near_cols) = cast("tuple[np.ndarray, np.ndarray]", found)
    reached = distance * work_um <= 1000 * spread_mm
    index = np.cumsum(covered.ravel()).reshape(covered.shape) - 1  # covered pixel -> its row in `mean`
    nearest = index[near_rows, near_cols]
    for area in np.flatnonzero(mean.any(axis=0)):
        spread = np.where(reached, mean[nearest, area], 0.0)
        coarse[area] = gaussian_filter(spread, 1000 * blur_mm / work_um, mode="constant") if blur_mm > 0 else spread
    return prior


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


@no_type_check
@njit(cache=True)
def _interpolate(box, ratio, fine, coarse, out):
    """Fill `out`, whose first pixel is pixel `fine` of the fine grid; box[0, 0] is pixel `coarse` of the coarse one."""
    height, width = box.shape
    for i in range(out.shape[0]):
        y = min(max((fine[0] + i + 0.5) * ratio - 0.5 - coarse[0], 0.0), height - 1.0)
        r0 = min(int(y), max(height - 2, 0))
        r1 = min(r0 + 1, height - 1)
        for j in range(out.shape[1]):
            x = min(max((fine[1] + j + 0.5) * ratio - 0.5 - coarse[1], 0.0), width - 1.0)
            c0 = min(int(x), max(width - 2, 0))
            c1 = min(c0 + 1, width - 1)
            upper = box[r0, c0] + (x - c0) * (box[r0, c1] - box[r0, c0])
            lower = box[r1, c0] + (x - c0) * (box[r1, c1] - box[r1, c0])
            out[i, j] = upper + (y - r0) * (lower - upper)
