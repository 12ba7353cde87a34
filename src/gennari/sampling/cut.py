"""A section with its ribbon, and what that says of single pixels: angle, upright rotation, tissue around, place."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int32

from gennari.records import Ribbon, Section
from gennari.sampling.slab import Slabs, at_places
from gennari.sampling.upright import upright_rotation_deg
from gennari.surface.ribbon import cut_ribbon, white_matter


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A section with what is known of its pixels.

    Attributes:
        ribbon: cut from slabs: its faces are theirs.
        tissue: cortex or white matter, on the ribbon's grid.
    """

    section: Section
    ribbon: Ribbon
    tissue: Bool[np.ndarray, "h w"]


def cut_section(section: Section, slabs: Slabs, spacing_um: float) -> Cut:
    """Cut a section's ribbon and tissue from slabs that hold all it meets; ValueError as `cut_ribbon`."""
    hemispheres = [slab.hemisphere for slab in slabs]
    ribbon = cut_ribbon(hemispheres, section, spacing_um)
    tissue = ribbon.cortex | white_matter(hemispheres, section, spacing_um, ribbon)
    return Cut(section=section, ribbon=ribbon, tissue=tissue)


def at_pixels(
    values: list[Float[np.ndarray, "_ *k"]],
    cut: Cut,
    slabs: Slabs,
    rows: Int[np.ndarray, "n"],
    cols: Int[np.ndarray, "n"],
) -> Float[np.ndarray, "n *k"]:
    """Values of the slabs' vertices (left, right) at pixels of cortex."""
    ribbon, faces = cut.ribbon, [slab.hemisphere.pial.faces for slab in slabs]
    return at_places(values, faces, ribbon.side[rows, cols], ribbon.face[rows, cols], ribbon.weights[rows, cols])


def plane_angles_deg(
    cut: Cut, slabs: Slabs, rows: Int[np.ndarray, "n"], cols: Int[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """Angle between the mid surface's normal and the section's, 0..90, at pixels of cortex (docs/coordinates.md)."""
    normal = at_pixels([slab.normal for slab in slabs], cut, slabs, rows, cols)
    length = np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    return np.degrees(np.arccos(np.clip(np.abs(normal @ cut.section.normal) / length, 0, 1)))


def upright_rotations_deg(
    cut: Cut, slabs: Slabs, rows: Int[np.ndarray, "n"], cols: Int[np.ndarray, "n"], window_um: float
) -> Float[np.ndarray, "n"]:
    """Rotation of upright windows at pixels of cortex, by the depth gradient over a square of `window_um`."""
    inward = at_pixels([slab.inward_mm for slab in slabs], cut, slabs, rows, cols)
    to_section = cut.section.to_brain.inverse().matrix[:2, :3]
    return upright_rotation_deg(cut.ribbon, rows, cols, inward @ to_section.T, window_um)


def whole_faces(
    cut: Cut, slabs: Slabs, rows: Int[np.ndarray, "n"], cols: Int[np.ndarray, "n"]
) -> Int32[np.ndarray, "n"]:
    """Faces at pixels of cortex, numbered as in the whole hemispheres."""
    side, face = cut.ribbon.side[rows, cols], cut.ribbon.face[rows, cols]
    return np.where(side == 0, *(_lookup(slab.face, face) for slab in slabs)).astype(np.int32)


def _lookup(numbers: np.ndarray, face: np.ndarray) -> np.ndarray:
    """numbers[face] where there is such a face, else 0: faces of the other side are looked up too, and not used."""
    return numbers[np.minimum(face, len(numbers) - 1)] if len(numbers) else np.zeros_like(face)
