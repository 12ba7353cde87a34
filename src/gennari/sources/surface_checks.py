"""Whether surfaces lie as they must: left at the left, pial outside white, faces that wind outward."""

import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from gennari.errors import InputError
from gennari.records import Side, TriangleMesh

MIN_VOLUME_RATIO = 0.98
"""Of what pial and white enclose, where the pial may seem smaller: open pieces of cortex enclose about the same."""


def check_sides(pials: Mapping[Side, TriangleMesh], where: str) -> None:
    """Refuse a brain whose left hemisphere lies right of its right one.

    Raises:
        InputError: with both mends, since coordinates alone do not tell which of the two happened.
    """
    left, right = (float(pials[side].vertices_mm[:, 0].mean()) for side in ("L", "R"))
    if left >= right:
        raise InputError(
            f"x must grow to the right, but the left hemisphere in {where} lies at x = {left:.1f} mm and the right at "
            f"{right:.1f}; if front and back are exchanged too, as in the 2016 BigBrain surfaces: negate x and y of "
            "every vertex; else left and right are swapped: exchange the names of their files"
        )


def check_nesting(pial: TriangleMesh, white: TriangleMesh) -> None:
    """Refuse a pial surface that lies inside the white one.

    Raises:
        InputError: the pial encloses less than the white surface.
    """
    centre = white.vertices_mm.mean(axis=0)
    outer, inner = abs(_volume_mm3(pial, centre)), abs(_volume_mm3(white, centre))
    if outer < MIN_VOLUME_RATIO * inner:
        raise InputError(
            f"the pial surface must lie outside the white one, but it encloses {outer / 1000:.1f} cm³ and the white "
            f"one {inner / 1000:.1f}; exchange the two files"
        )


def wound_outward(pial: TriangleMesh, white: TriangleMesh, where: str) -> tuple[TriangleMesh, TriangleMesh]:
    """Both surfaces with faces whose normals point from white to pial; turned round with a warning if they do not.

    Curvature, shading and upright patches rely on it. What most of the surface does decides.
    """
    a, b, c = (pial.vertices_mm[corner].astype(float) for corner in pial.faces.T)
    outward = (pial.vertices_mm - white.vertices_mm)[pial.faces].sum(axis=1)
    if np.einsum("fx,fx->", np.cross(b - a, c - a), outward) >= 0:
        return pial, white
    warnings.warn(f"faces of {where} wind inward; they are read turned round", UserWarning, stacklevel=2)
    faces = np.ascontiguousarray(pial.faces[:, ::-1])
    return replace(pial, faces=faces), replace(white, faces=faces)


def _volume_mm3(mesh: TriangleMesh, centre: Float[np.ndarray, "3"]) -> float:
    """Signed volume between a surface and a point."""
    a, b, c = (mesh.vertices_mm[corner].astype(float) - centre for corner in mesh.faces.T)
    return float(np.einsum("fx,fx->", a, np.cross(b, c))) / 6
