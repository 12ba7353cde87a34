"""From places on sections to a PatchTable: what the surfaces say of them, for whoever finds places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int8, Int32

from gennari.records import Hemisphere, PatchTable, Section, TriangleMesh
from gennari.sampling.slab import at_places
from gennari.sampling.split import Split
from gennari.surface.curvature import mean_curvature_per_mm
from gennari.surface.mesh import vertex_normals
from gennari.surface.sheets import other_sheet_mm


@dataclass(frozen=True, kw_only=True)
class Located:
    """What the sections' ribbons say of places. One row a place.

    Attributes:
        face: in the whole hemisphere's mesh.
    """

    section: Int32[np.ndarray, "n"]
    centre_um: Float[np.ndarray, "n 2"]
    side: Int8[np.ndarray, "n"]
    face: Int32[np.ndarray, "n"]
    weights: Float32[np.ndarray, "n 3"]
    plane_angle_deg: Float[np.ndarray, "n"]
    rotation_deg: Float[np.ndarray, "n"]
    tissue_share: Float[np.ndarray, "n"]


def centres_mm(
    section: Int32[np.ndarray, "n"], centre_um: Float[np.ndarray, "n 2"], sections: Mapping[int, Section]
) -> Float[np.ndarray, "n 3"]:
    """Points on sections to BRAIN_MM.

    Args:
        section: the id of each point's section.
        centre_um: the points in SECTION_UM.
        sections: by id.
    """
    out = np.empty((len(section), 3))
    order = np.argsort(section, kind="stable")
    ids, starts = np.unique(section[order], return_index=True)
    for key, rows in zip(ids, np.split(order, starts[1:]), strict=True):
        out[rows] = sections[int(key)].brain_mm(centre_um[rows])
    return out


def patch_table(
    places: Located,
    sections: Mapping[int, Section],
    hemispheres: tuple[Hemisphere, Hemisphere],
    split: Mapping[int, Split],
) -> PatchTable:
    """The places, and what the surfaces say of them.

    Args:
        places: of one brain.
        sections: by id, at least those of the places.
        hemispheres: left and right, in BRAIN_MM.
        split: of the sections, by id.
    """
    faces = [hemisphere.pial.faces for hemisphere in hemispheres]
    where = places.side, places.face, places.weights

    def at(values: Sequence[np.ndarray]) -> np.ndarray:
        return at_places(values, faces, *where)

    corners = np.where((places.side == 0)[:, None], *(_rows(f, places.face) for f in faces))
    normal = at([vertex_normals(hemisphere.mid) for hemisphere in hemispheres])
    length = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    on_mid = at([hemisphere.mid.vertices_mm for hemisphere in hemispheres])
    return PatchTable(
        brain=np.full(len(places.section), next(iter(sections.values())).brain),
        section=places.section,
        side=places.side,
        centre_um=places.centre_um,
        face=places.face,
        weights=places.weights,
        vertex=np.take_along_axis(corners, places.weights.argmax(axis=1)[:, None], axis=1)[:, 0],
        brain_mm=centres_mm(places.section, places.centre_um, sections),
        inflated_mm=at([hemisphere.mirrored_inflated_mm for hemisphere in hemispheres]),
        plane_angle_deg=places.plane_angle_deg,
        rotation_deg=places.rotation_deg,
        curvature_per_mm=at([mean_curvature_per_mm(hemisphere.mid) for hemisphere in hemispheres]),
        other_sheet_mm=other_sheet_mm([_cortex(hemisphere) for hemisphere in hemispheres], on_mid, normal / length),
        tissue_share=places.tissue_share,
        split=np.array([split[int(section)] for section in places.section]),
    )


def _rows(table: np.ndarray, index: np.ndarray) -> np.ndarray:
    """table[index], for indices of which those beyond the table are not used."""
    return table[np.minimum(index, len(table) - 1)]


def _cortex(hemisphere: Hemisphere) -> TriangleMesh:
    """The mid surface without the medial wall, which is no sheet of cortex."""
    faces = hemisphere.pial.faces
    kept = faces[~hemisphere.medial_wall[faces].all(axis=1)]
    return TriangleMesh(vertices_mm=hemisphere.mid.vertices_mm, faces=kept)
