"""Equivolumetric depth: layers keep their share of the volume where the sheet bends (Bok 1929).

Through a place of the sheet runs a column whose cross-section changes from the pial area to the white one. With the
areas of its pial, mid and white end, A(t) is the quadratic through them at t = 0, 1/2, 1 (exact on a sphere and a
cylinder, where Waehnert et al. 2014 take the linear one), and the share of the volume above t is its integral over
that of the whole column.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from gennari.records import SIDES, Hemisphere, Ribbon, TriangleMesh
from gennari.surface.mesh import face_areas_mm2, interpolate


@dataclass(frozen=True, kw_only=True)
class ColumnAreas:
    """Cross-sections of a hemisphere's columns, per vertex: pial, mid, white; a third of the faces around it, mm².

    Made once (`column_areas`), since it looks at the whole hemisphere.
    """

    hemisphere: Hemisphere
    areas_mm2: Float[np.ndarray, "v 3"]


def column_areas(hemisphere: Hemisphere) -> ColumnAreas:
    """The areas of all columns of a hemisphere."""
    meshes = (hemisphere.pial, hemisphere.mid, hemisphere.white)
    return ColumnAreas(hemisphere=hemisphere, areas_mm2=np.column_stack([_vertex_areas_mm2(mesh) for mesh in meshes]))


def equivolumetric_depth(ribbon: Ribbon, columns: Sequence[ColumnAreas]) -> Float32[np.ndarray, "h w"]:
    """The ribbon's depth as shares of volume: 0 at the pial, 1 at the white surface, NaN outside cortex.

    Areas are interpolated between vertices, so depth stays continuous from face to face.

    Args:
        ribbon: as `cut_ribbon` gives it (its own depth stays the way back to the surfaces).
        columns: of the hemispheres it was cut from, in any order.

    Raises:
        ValueError: the ribbon shows a hemisphere whose columns are not given.
    """
    depth = np.full(ribbon.depth.shape, np.nan, np.float32)
    given = {SIDES.index(column.hemisphere.side): column for column in columns}
    for side in np.unique(ribbon.side[ribbon.cortex]):
        if int(side) not in given:
            raise ValueError(f"equivolumetric depth needs the columns of hemisphere {SIDES[side]}, got {sorted(given)}")
        here = ribbon.side == side
        column = given[int(side)]
        faces = column.hemisphere.pial.faces
        areas = interpolate(column.areas_mm2, faces, ribbon.face[here], ribbon.weights[here].astype(float))
        depth[here] = volume_share(ribbon.depth[here].astype(float), areas)
    return depth


def volume_share(depth: Float[np.ndarray, "n"], areas_mm2: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
    """Share of a column's volume above a depth.

    Where a mid area is so small that the quadratic would fall below zero (folds that the mesh does not resolve), the
    least one that keeps it from there is taken: depth never runs backwards. A column without area keeps its depth.

    Args:
        depth: equidistant, 0 pial .. 1 white.
        areas_mm2: pial, mid and white end.
    """
    pial, mid, white = areas_mm2.T
    mid = np.maximum(mid, (np.sqrt(pial) - np.sqrt(white)) ** 2 / 4)
    slope, bend = -3 * pial + 4 * mid - white, 2 * pial - 4 * mid + 2 * white
    above = depth * (pial + depth * (slope / 2 + depth * bend / 3))
    whole = pial + slope / 2 + bend / 3
    share = np.divide(above, whole, out=depth.copy(), where=whole > 0)
    return np.clip(share, 0, 1)


def _vertex_areas_mm2(mesh: TriangleMesh) -> Float[np.ndarray, "v"]:
    areas = np.repeat(face_areas_mm2(mesh) / 3, 3)
    return np.bincount(mesh.faces.ravel(), areas, len(mesh.vertices_mm))
