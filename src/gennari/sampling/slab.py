"""The part of a brain's cortex that a run of neighbouring sections can meet: small enough to send to a worker.

A section meets one face in thirty. Cutting it out of what its neighbours meet too costs a tenth of cutting it out of
the whole brain, and gives the same ribbon: every prism the plane passes is there, and vertices keep their order, by
which prisms are split (surface/prisms.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int8, Int32

from gennari.records import Hemisphere, Section
from gennari.surface.mesh import interpolate, vertex_normals
from gennari.surface.planes import part_of_hemisphere

MIN_THICKNESS_MM = 0.3
"""Thinner cortex is taken for this thick, so that a place where the surfaces meet does not draw all patches."""


@dataclass(frozen=True, kw_only=True)
class Slab:
    """A piece of one hemisphere, and what placing patches asks of its vertices.

    Attributes:
        hemisphere: its faces and their vertices alone.
        face: for each face of the piece its number in the whole hemisphere.
        normal: of the whole mid surface at the vertices.
        thickness_mm: from pial to white along that normal, at least MIN_THICKNESS_MM.
    """

    hemisphere: Hemisphere
    face: Int[np.ndarray, "f"]
    normal: Float[np.ndarray, "v 3"]
    thickness_mm: Float[np.ndarray, "v"]

    @property
    def inward_mm(self) -> Float[np.ndarray, "v 3"]:
        """From pial to white, BRAIN_MM."""
        return self.hemisphere.white.vertices_mm - self.hemisphere.pial.vertices_mm


Slabs = tuple[Slab, Slab]


def cut_slabs(hemispheres: tuple[Hemisphere, Hemisphere], runs: Sequence[Sequence[Section]]) -> list[Slabs]:
    """The slabs (left, right) that each run of sections can meet.

    Args:
        hemispheres: left and right, in BRAIN_MM.
        runs: sections of one brain, those of a run near each other; their planes need not be parallel.
    """
    if not runs:
        return []
    axis = runs[0][0].normal
    reaches = [_reach_mm(run, axis) for run in runs]
    left, right = (_slabs_of_side(hemisphere, axis, reaches) for hemisphere in hemispheres)
    return list(zip(left, right, strict=True))


def at_places(
    values: Sequence[Float[np.ndarray, "_ *k"]],
    faces: Sequence[Int32[np.ndarray, "_ 3"]],
    side: Int8[np.ndarray, "n"],
    face: Int[np.ndarray, "n"],
    weights: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n *k"]:
    """Values of the vertices of two hemispheres (or slabs) at places on them.

    Args:
        values: left and right, one value or row a vertex.
        faces: left and right.
        side: of each place, the index into SIDES.
        face: of each place.
        weights: of each place in its face.
    """
    out = np.empty((len(side), *values[0].shape[1:]))
    for index, (vertex_values, corners) in enumerate(zip(values, faces, strict=True)):
        here = side == index
        out[here] = interpolate(vertex_values, corners, face[here], weights[here])
    return out


def _reach_mm(run: Sequence[Section], axis: np.ndarray) -> tuple[float, float]:
    """Between which values along the axis the sections' images lie."""
    corners = np.concatenate([s.brain_mm(np.array([0, 1])[[[0, 0], [0, 1], [1, 0], [1, 1]]] * s.size_um) for s in run])
    along = corners @ axis
    return float(along.min()), float(along.max())


def _slabs_of_side(hemisphere: Hemisphere, axis: np.ndarray, reaches: list[tuple[float, float]]) -> list[Slab]:
    normal = vertex_normals(hemisphere.mid)
    inward = hemisphere.white.vertices_mm - hemisphere.pial.vertices_mm
    thickness = np.maximum(np.abs((inward * normal).sum(axis=1)), MIN_THICKNESS_MM)
    faces = hemisphere.pial.faces
    along = np.stack([mesh.vertices_mm @ axis for mesh in (hemisphere.pial, hemisphere.white)])  # (2, v)
    low, high = along.min(axis=0)[faces].min(axis=1), along.max(axis=0)[faces].max(axis=1)
    slabs: list[Slab] = []
    for first, last in reaches:
        kept = np.flatnonzero((low <= last) & (high >= first))
        piece, vertices = part_of_hemisphere(hemisphere, kept)
        slabs.append(Slab(hemisphere=piece, face=kept, normal=normal[vertices], thickness_mm=thickness[vertices]))
    return slabs
