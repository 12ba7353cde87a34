"""Which faces a section's plane meets: found by an index for a series of parallel sections, else by looking at all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int, Int32, Int64
from numba import njit

from gennari.records import SIDES, Hemisphere, Section, TriangleMesh

STEP_MM = 0.5
"""Thickness of the index's slabs: a prism reaches through a few of them."""
MARGIN_MM = 1e-3
TOUCHING_UM = 1e-3
"""A prism this near counts as met here; the rasteriser looks again."""
PARALLEL = 1e-6
"""Planes this close to the index's direction (sine of the angle) stay within MARGIN_MM of it over a whole brain."""


@dataclass(frozen=True, kw_only=True)
class CutPart:
    """The faces of one hemisphere whose prism a plane meets, and their vertices alone (in the order they had).

    Attributes:
        side: index into SIDES.
        face: number of each face in the hemisphere's meshes.
        wall: vertices of the medial wall.
        outward: +1 if most faces of the whole hemisphere point from white to pial in BRAIN_MM, else -1.
    """

    side: int
    face: Int32[np.ndarray, "g"]
    pial: TriangleMesh
    white: TriangleMesh
    wall: Bool[np.ndarray, "p"]
    outward: int


@dataclass(frozen=True, kw_only=True)
class PlaneIndex:
    """The faces of some hemispheres by slab across one direction. Made once for a series (`index_planes`), picklable.

    Attributes:
        normal: the direction, BRAIN_MM.
        lowest_mm: where the first slab begins along it.
        starts: for each hemisphere, slab s holds `faces[starts[s]:starts[s + 1]]`.
        faces: for each hemisphere; a face stands in every slab that its prism reaches into.
        outward: for each hemisphere, as CutPart has it.
    """

    hemispheres: tuple[Hemisphere, ...]
    normal: Float[np.ndarray, "3"]
    lowest_mm: float
    starts: tuple[Int64[np.ndarray, "_"], ...]
    faces: tuple[Int32[np.ndarray, "_"], ...]
    outward: tuple[int, ...]


def index_planes(hemispheres: Sequence[Hemisphere], section: Section) -> PlaneIndex:
    """Sort all faces by where they lie across the planes parallel to a section's."""
    normal = _across(section)[:3]
    normal = normal / np.linalg.norm(normal)
    extents = [_extents(h.pial.vertices_mm, h.white.vertices_mm, h.pial.faces, normal) for h in hemispheres]
    lowest_mm = min((float(low.min()) for low, _ in extents if len(low)), default=0.0)
    slabs = [_slabs(low - lowest_mm, high - lowest_mm) for low, high in extents]
    return PlaneIndex(
        hemispheres=tuple(hemispheres),
        normal=normal,
        lowest_mm=lowest_mm,
        starts=tuple(starts for starts, _ in slabs),
        faces=tuple(faces for _, faces in slabs),
        outward=tuple(_outward(h.pial.vertices_mm, h.white.vertices_mm, h.pial.faces) for h in hemispheres),
    )


def parts_met(hemispheres: Sequence[Hemisphere], section: Section, index: PlaneIndex | None = None) -> list[CutPart]:
    """What of each hemisphere the section's plane meets.

    Args:
        hemispheres: in BRAIN_MM.
        section: its plane.
        index: of the same hemispheres; a plane of another direction than the index's is answered without it.

    Raises:
        ValueError: the index is of other hemispheres.
    """
    if index is not None and not _same(index.hemispheres, hemispheres):
        raise ValueError("an index of planes serves the hemispheres it was made of, got others; make one of these")
    across = _across(section)
    parts = []
    for number, hemisphere in enumerate(hemispheres):
        pial, white, faces = hemisphere.pial.vertices_mm, hemisphere.white.vertices_mm, hemisphere.pial.faces
        near = None if index is None else _near(index, number, section)
        candidates = np.arange(len(faces), dtype=np.int32) if near is None else near
        face = candidates[_meets(pial, white, faces, candidates, across)]
        part, _ = part_of_hemisphere(hemisphere, face)
        parts.append(
            CutPart(
                side=SIDES.index(hemisphere.side),
                face=face,
                pial=part.pial,
                white=part.white,
                wall=part.medial_wall,
                outward=_outward(pial, white, faces) if index is None else index.outward[number],
            )
        )
    return parts


def faces_met(hemisphere: Hemisphere, section: Section) -> Int32[np.ndarray, "g"]:
    """Faces whose prism a section's plane meets, ascending."""
    pial, white, faces = hemisphere.pial.vertices_mm, hemisphere.white.vertices_mm, hemisphere.pial.faces
    every = np.arange(len(faces), dtype=np.int32)
    return every[_meets(pial, white, faces, every, _across(section))]


def part_of_hemisphere(hemisphere: Hemisphere, faces: Int[np.ndarray, "g"]) -> tuple[Hemisphere, Int[np.ndarray, "p"]]:
    """Some faces of a hemisphere with their vertices alone, and which vertices of the whole these are.

    They keep their order, by which prisms are split (prisms.py): the part's ribbon is the whole's, where it reaches.
    """
    vertices, corners = np.unique(hemisphere.pial.faces[faces], return_inverse=True)
    corners = corners.reshape(-1, 3).astype(np.int32)
    pial, white, inflated = (
        TriangleMesh(vertices_mm=mesh.vertices_mm[vertices], faces=corners)
        for mesh in (hemisphere.pial, hemisphere.white, hemisphere.inflated)
    )
    wall = hemisphere.medial_wall[vertices]
    return replace(hemisphere, pial=pial, white=white, inflated=inflated, medial_wall=wall), vertices


def _same(indexed: Sequence[Hemisphere], given: Sequence[Hemisphere]) -> bool:
    return len(indexed) == len(given) and all(
        one is other or (one.pial is other.pial and one.white is other.white)
        for one, other in zip(indexed, given, strict=True)
    )


def _across(section: Section) -> Float[np.ndarray, "4"]:
    """(a, b, c, d) such that a x + b y + c z + d is how far a point in BRAIN_MM lies across the plane, in µm."""
    return section.to_brain.inverse().matrix[2].astype(float)


def _near(index: PlaneIndex, number: int, section: Section) -> Int32[np.ndarray, "c"] | None:
    """Faces of the slab the plane lies in, ascending; None if the plane has another direction."""
    across = _across(section)
    length = np.linalg.norm(across[:3])
    if np.linalg.norm(np.cross(across[:3] / length, index.normal)) > PARALLEL:
        return None
    at_mm = float(-across[3] / length * np.sign(across[:3] @ index.normal)) - index.lowest_mm
    starts, faces = index.starts[number], index.faces[number]
    slabs = {int(np.floor((at_mm + margin) / STEP_MM)) for margin in (-MARGIN_MM, MARGIN_MM)}
    found = [faces[starts[slab] : starts[slab + 1]] for slab in slabs if 0 <= slab < len(starts) - 1]
    return np.unique(np.concatenate(found)) if found else faces[:0]


def _slabs(
    low_mm: Float[np.ndarray, "f"], high_mm: Float[np.ndarray, "f"]
) -> tuple[Int64[np.ndarray, "_"], Int32[np.ndarray, "_"]]:
    """Starts and faces of the slabs; each slab's faces ascend."""
    first, last = (np.floor(edge / STEP_MM).astype(int) for edge in (low_mm, high_mm))
    count = last - first + 1
    face = np.repeat(np.arange(len(count), dtype=np.int32), count)
    slab = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    order = np.argsort(slab, kind="stable")
    held = np.bincount(slab, minlength=1)
    return np.concatenate([[0], np.cumsum(held)]).astype(np.int64), face[order]


@no_type_check
@njit(cache=True)
def _extents(pial, white, faces, normal):
    """Where each face's prism begins and ends along the normal."""
    low, high = np.full(len(faces), np.inf), np.full(len(faces), -np.inf)
    for f in range(len(faces)):
        for k in range(3):
            v = faces[f, k]
            for sheet in (pial, white):
                at = sheet[v, 0] * normal[0] + sheet[v, 1] * normal[1] + sheet[v, 2] * normal[2]
                low[f], high[f] = min(low[f], at), max(high[f], at)
    return low, high


@no_type_check
@njit(cache=True)
def _meets(pial, white, faces, candidates, across):
    """Which candidates have corners on both sides of the plane, or on it."""
    meets = np.zeros(len(candidates), np.bool_)
    for n in range(len(candidates)):
        low, high = np.inf, -np.inf
        for k in range(3):
            v = faces[candidates[n], k]
            for sheet in (pial, white):
                at = sheet[v, 0] * across[0] + sheet[v, 1] * across[1] + sheet[v, 2] * across[2] + across[3]
                low, high = min(low, at), max(high, at)
        meets[n] = low <= TOUCHING_UM and high >= -TOUCHING_UM
    return meets


@no_type_check
@njit(cache=True)
def _outward(pial, white, faces):
    """+1 if most of the faces' normals point from white to pial, else -1."""
    total = 0.0
    u, v, out = np.empty(3), np.empty(3), np.empty(3)
    for f in range(len(faces)):
        a, b, c = faces[f]
        for x in range(3):
            u[x], v[x] = pial[b, x] - pial[a, x], pial[c, x] - pial[a, x]
            out[x] = pial[a, x] - white[a, x] + pial[b, x] - white[b, x] + pial[c, x] - white[c, x]
        total += (
            (u[1] * v[2] - u[2] * v[1]) * out[0]
            + (u[2] * v[0] - u[0] * v[2]) * out[1]
            + (u[0] * v[1] - u[1] * v[0]) * out[2]
        )
    return 1 if total >= 0 else -1
