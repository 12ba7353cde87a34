"""Folds of one brain: sulci deeper or shallower than the geometry's, and folds that only this individual has.

What is wanted is a displacement per vertex. Taken as it is, it would drive the two walls of a sulcus through each
other, since they are far apart along the cortex and a millimetre in space. So it is averaged in space, and becomes a
displacement of space whose strain stays below 1: such a map is one to one, so that what did not cross before does not
cross after it (up to the mesh's own coarseness), and no prism is turned over. Walls that touch then move as one.

How much brains differ: a place that is clearly gyral in one brain is so in 90 % of others after alignment by folds
(Fischl & Dale 2000), so the pattern is mostly kept; the depth of one sulcus differs between brains by about a tenth.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter, map_coordinates

from gennari.errors import InputError
from gennari.phantom.fields import WaveField, wave_field
from gennari.records import Hemisphere, TriangleMesh
from gennari.surface.inflate import smooth, steps_to_reach
from gennari.surface.mesh import vertex_normals

SMOOTHING_MM = 12.0
"""The surface that sulcal depth is counted from is the mid surface smoothed over this much."""
DEPTH_RANGE_MM = 25.0
"""Along the cortex, sulcal depth varies over this range: about the distance of neighbouring sulci."""
WAVELENGTH_MM = 25.0
"""Of an individual's own folds, along the inflated surface."""
SPACE_MM, GRID_MM = 2.0, 1.5
"""SD of the averaging in space, and the grid it is done on."""
MAX_STRAIN = 0.8
"""The displacement changes by no more than this per mm anywhere, or it is lowered; below 1 it cannot fold space."""
MAX_THICKER = 0.05
"""Cortex keeps its thickness up to this mean relative change, or the displacement is lowered."""
MIN_SHARE = 0.5
"""It is not lowered further: who asks for more than surfaces can have is told so."""
MAX_GROWTH = 0.005
"""The share of turned prisms may grow by this much."""


def fold(hemisphere: Hemisphere, depth_sd: float, folding_mm: float, rng: np.random.Generator) -> Hemisphere:
    """A hemisphere with folds of its own; `inflated` and the medial wall stay.

    Args:
        hemisphere: the geometry's, BRAIN_MM.
        depth_sd: relative SD of sulcal depth, varying along the cortex.
        folding_mm: RMS of the individual's own folds, along the normal of the smoothed surface.
        rng: draws both fields.

    Returns:
        The folded hemisphere; with both amounts 0 the one given.

    Raises:
        InputError: the amounts are too large for a surface that does not pass through itself.
    """
    if depth_sd == 0 and folding_mm == 0:
        return hemisphere
    mid, places = hemisphere.mid, hemisphere.mirrored_inflated_mm
    smoothed = smoothed_mid(mid)
    deeper = depth_sd * wave_field(rng, 1, DEPTH_RANGE_MM)(places) * (mid.vertices_mm - smoothed.vertices_mm)
    own = folding_mm * _band_field(rng)(places) * vertex_normals(smoothed)
    space = _Space(mid.vertices_mm)
    field = space.average(deeper) + space.average(own)
    both = np.concatenate([hemisphere.pial.vertices_mm, hemisphere.white.vertices_mm])
    change = space.read(field, both)
    share = min(1.0, MAX_STRAIN / float(space.strain(field, both).max()))
    share = min(share, MAX_THICKER / _mean_thicker(hemisphere, both + share * change) * share)
    if share < MIN_SHARE:
        raise _too_much(f"leave {100 * share:.0f} % of the folds", depth_sd, folding_mm)
    moved = both + share * change
    faces = mid.faces
    pial, white = (TriangleMesh(vertices_mm=points, faces=faces) for points in np.split(moved, 2))
    before = turned_prisms(hemisphere.pial, hemisphere.white).mean()
    after = turned_prisms(pial, white).mean()
    if after - before > MAX_GROWTH:
        raise _too_much(f"turn {100 * (after - before):.1f} % more prisms over", depth_sd, folding_mm)
    return replace(hemisphere, pial=pial, white=white)


def smoothed_mid(mid: TriangleMesh) -> TriangleMesh:
    """The mid surface without its folds: sulcal depth is the distance from it."""
    points = smooth(mid, mid.vertices_mm.astype(float), steps_to_reach(mid, SMOOTHING_MM))
    return TriangleMesh(vertices_mm=points, faces=mid.faces)


def sulcal_depth_mm(hemisphere: Hemisphere) -> Float[np.ndarray, "v"]:
    """Height of the mid surface over the smoothed one: positive on crowns, negative in sulci."""
    smoothed = smoothed_mid(hemisphere.mid)
    away = hemisphere.mid.vertices_mm - smoothed.vertices_mm
    return np.einsum("vx,vx->v", away, vertex_normals(smoothed))


def turned_prisms(pial: TriangleMesh, white: TriangleMesh) -> Bool[np.ndarray, "f"]:
    """Prisms with a tetrahedron whose volume has the wrong sign (cut as the ribbon does; most have the right one)."""
    order = np.argsort(pial.faces, axis=1)
    a, b, c = np.take_along_axis(pial.faces, order, axis=1).T
    even = np.linalg.det(np.eye(3)[order]) > 0
    p, w = pial.vertices_mm, white.vertices_mm
    corners = ((p[a], p[b], p[c], w[c], 1), (p[a], p[b], w[b], w[c], -1), (p[a], w[a], w[b], w[c], 1))
    volume = np.stack([sign * np.einsum("fx,fx->f", np.cross(j - i, k - i), m - i) for i, j, k, m, sign in corners])
    volume = np.where(even, volume, -volume)
    return (volume * np.sign(np.median(volume)) < 0).any(axis=0)


def _mean_thicker(hemisphere: Hemisphere, moved: Float[np.ndarray, "v2 3"]) -> float:
    """Mean relative change of the thickness of cortex over 1 mm, pial and white vertices moved to `moved`."""
    before = np.linalg.norm(hemisphere.pial.vertices_mm - hemisphere.white.vertices_mm, axis=1)
    pial, white = np.split(moved, 2)
    cortex = ~hemisphere.medial_wall & (before > 1.0)
    after = np.linalg.norm(pial - white, axis=1)
    return max(float(np.abs(after[cortex] / before[cortex] - 1).mean()), 1e-12)


def _too_much(what: str, depth_sd: float, folding_mm: float) -> InputError:
    return InputError(
        "folds must leave pial and white surface apart, but "
        f"sulcal_depth_sd {depth_sd:g} and folding_mm {folding_mm:g} would {what}; lower them"
    )


def _band_field(rng: np.random.Generator, waves: int = 96) -> WaveField:
    """Random waves of one length: seen along a surface, a wave in space is longer by 4 / π on average."""
    wave = rng.normal(size=(1, waves, 3))
    wave *= 8 / WAVELENGTH_MM / np.linalg.norm(wave, axis=2, keepdims=True)
    phase = rng.uniform(0, 2 * np.pi, size=(1, waves))
    return WaveField(wave_per_mm=wave.astype(np.float32), phase=phase.astype(np.float32))


class _Space:
    """A grid around points on which values at the points are averaged, and read anywhere between."""

    def __init__(self, points: Float[np.ndarray, "v 3"]) -> None:
        margin = 4 * SPACE_MM + 2.0
        self.low = points.min(axis=0) - margin
        self.shape = tuple(np.ceil((np.ptp(points, axis=0) + 2 * margin) / GRID_MM).astype(int) + 1)
        self.cell = np.ravel_multi_index(tuple(np.round(self._index(points)).astype(int)), self.shape)
        self.count = np.maximum(self._blur(np.ones(len(points))), 1e-6)

    def average(self, values: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "3 x y z"]:
        """The values averaged in space, with the RMS at the points that they had: averaging lowers it."""
        field = np.stack([self._blur(column) / self.count for column in values.T])
        left = np.sqrt((field.reshape(3, -1)[:, self.cell] ** 2).mean())
        return field * (np.sqrt((values.astype(float) ** 2).mean()) / max(left, 1e-12))

    def read(self, field: Float[np.ndarray, "k x y z"], points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n k"]:
        """Values of a field at points."""
        index = self._index(points)
        return np.stack([map_coordinates(part, index, order=3, mode="nearest") for part in field], axis=1)

    def strain(self, field: Float[np.ndarray, "3 x y z"], points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
        """By how much the field changes per mm around points (Frobenius norm: no direction changes faster)."""
        slopes = np.concatenate([np.stack(np.gradient(part, GRID_MM)) for part in field])
        index = self._index(points)
        squares = sum(map_coordinates(slope, index, order=1, mode="nearest") ** 2 for slope in slopes)
        return np.sqrt(squares)

    def _blur(self, weights: Float[np.ndarray, "v"]) -> Float[np.ndarray, "x y z"]:
        total = np.bincount(self.cell, weights, int(np.prod(self.shape))).reshape(self.shape)
        return gaussian_filter(total, SPACE_MM / GRID_MM, truncate=3)

    def _index(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "3 n"]:
        return ((points - self.low) / GRID_MM).T
