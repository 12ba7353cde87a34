"""The tissue of a section on a grid of tiles: what lies where, before any cell is drawn.

Tiles are anchored to the section's outer corner, so every window of a section finds the same ones. A tile knows the
depth and the place of its centre and how the depth changes across it.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float32, Int32
from numba import njit

from gennari.frames import Affine
from gennari.phantom.fields import wave_field
from gennari.phantom.individual import Individual
from gennari.records import Hemisphere, Section
from gennari.surface.planes import faces_met, part_of_hemisphere
from gennari.surface.ribbon import cut_ribbon, white_matter

TILE_UM = 32.0


class Sheet(NamedTuple):
    """Both hemispheres' tissue over one list of vertices and faces (left first), as the kernels take it.

    Attributes:
        best: (v,) cytoarchitecture of the largest score.
        density: (v, 6) factor on each layer's density of neurons.
        across_mm: (v,) a coordinate along the cortex: what depends on it runs from pia to white matter, as columns do.
        columnar: (v,) how marked columns are, 0 where there are none.
    """

    faces: Int32[np.ndarray, "f 3"]
    scores: Float32[np.ndarray, "v c"]
    best: Int32[np.ndarray, "v"]
    boundaries: Float32[np.ndarray, "v 5"]
    density: Float32[np.ndarray, "v 6"]
    across_mm: Float32[np.ndarray, "v"]
    columnar: Float32[np.ndarray, "v"]


class Tiles(NamedTuple):
    """A block of tiles; `first_row`, `first_col` count on the section's whole tile grid.

    Attributes:
        depth: NaN outside cortex.
        slope: (row, col) change of depth per µm.
        face: of the Sheet; -1 outside cortex.
        across_mm: the Sheet's coordinate, and `across_slope` its change per µm.
        white: white matter.
    """

    first_row: int
    first_col: int
    tile_um: float
    depth: Float32[np.ndarray, "h w"]
    slope: Float32[np.ndarray, "h w 2"]
    face: Int32[np.ndarray, "h w"]
    weights: Float32[np.ndarray, "h w 3"]
    across_mm: Float32[np.ndarray, "h w"]
    across_slope: Float32[np.ndarray, "h w 2"]
    white: Bool[np.ndarray, "h w"]

    @property
    def tissue(self) -> Bool[np.ndarray, "h w"]:
        """Cortex and white matter."""
        return self.white | (self.face >= 0)


def sheet_of(individual: Individual) -> Sheet:
    """The sheet of an individual; made once and handed to all that draws it."""
    left, right = individual.hemispheres
    mid_mm = np.concatenate([left.mid.vertices_mm, right.mid.vertices_mm])
    rng = np.random.default_rng([individual.texture_seed, 1])
    places = wave_field(rng, 1, 8.0, waves=16)(mid_mm)[:, 0]
    scores = np.concatenate([tissue.scores for tissue in individual.tissue])
    return Sheet(
        faces=np.concatenate([left.pial.faces, right.pial.faces + np.int32(len(left.pial.vertices_mm))]),
        scores=scores,
        best=scores.argmax(axis=1).astype(np.int32),
        boundaries=np.concatenate([tissue.boundaries for tissue in individual.tissue]),
        density=np.exp(np.concatenate([tissue.log_density for tissue in individual.tissue])),
        # a direction oblique to all axes: columns show wherever the section runs along it, not where it runs across
        across_mm=(mid_mm @ np.array([0.6, 0.5, 0.62])).astype(np.float32),
        columnar=np.clip(places, 0.0, 1.5).astype(np.float32),
    )


@dataclass(frozen=True, kw_only=True)
class NearPlane:
    """The part of two hemispheres that a section's plane can meet.

    Attributes:
        hemispheres: left and right, of the faces whose prism meets the plane and their vertices.
        face: number of each of these faces in the Sheet.
    """

    hemispheres: tuple[Hemisphere, Hemisphere]
    face: tuple[Int32[np.ndarray, "_"], Int32[np.ndarray, "_"]]


def near_plane(hemispheres: tuple[Hemisphere, Hemisphere], section: Section) -> NearPlane:
    """What is left of a brain for one section; made once, so that each window costs what it shows."""
    offsets = (0, len(hemispheres[0].pial.faces))
    met = [faces_met(hemisphere, section) for hemisphere in hemispheres]
    left, right = (part_of_hemisphere(hemisphere, faces)[0] for hemisphere, faces in zip(hemispheres, met, strict=True))
    numbers = [(faces + offset).astype(np.int32) for faces, offset in zip(met, offsets, strict=True)]
    return NearPlane(hemispheres=(left, right), face=(numbers[0], numbers[1]))


def cut_tiles(
    near: NearPlane, sheet: Sheet, section: Section, corner: tuple[int, int], shape: tuple[int, int],
    tile_um: float = TILE_UM,
) -> Tiles:  # fmt: skip
    """Tiles of a part of a section.

    Args:
        near: the surfaces as they lie in this section (`near_plane`).
        sheet: of the same individual.
        section: its plane; tiles outside its grid are cut like any other.
        corner: first row and column, counted in tiles from the section's outer corner (may be negative).
        shape: rows and columns.
        tile_um: side of a tile.
    """
    part = part_of(section, corner, shape, tile_um)
    ribbon = cut_ribbon(near.hemispheres, part, tile_um)
    face = ribbon.face
    for side in range(2):
        here = ribbon.side == side
        if here.any():
            face[here] = near.face[side][face[here]]
    across_mm = _interpolated(face, ribbon.weights, sheet.faces, sheet.across_mm)
    return Tiles(
        first_row=corner[0],
        first_col=corner[1],
        tile_um=tile_um,
        depth=ribbon.depth,
        slope=_slopes(ribbon.depth, face, tile_um),
        face=face,
        weights=ribbon.weights,
        across_mm=across_mm,
        across_slope=_slopes(across_mm, face, tile_um),
        white=white_matter(near.hemispheres, part, tile_um, ribbon),
    )


def cut_tissue(
    near: NearPlane, section: Section, corner: tuple[int, int], shape: tuple[int, int], spacing_um: float
) -> Bool[np.ndarray, "h w"]:
    """Cortex and white matter of a part of a section, without what lies where; arguments as `cut_tiles`."""
    part = part_of(section, corner, shape, spacing_um)
    ribbon = cut_ribbon(near.hemispheres, part, spacing_um)
    return ribbon.cortex | white_matter(near.hemispheres, part, spacing_um, ribbon)


def part_of(section: Section, corner: tuple[int, int], shape: tuple[int, int], spacing_um: float) -> Section:
    """A rectangle of a section as a section of its own: the same plane, another outer corner."""
    matrix = section.to_brain.matrix.copy()
    matrix[:3, 3] += matrix[:3, :2] @ (np.array(corner) * spacing_um)
    to_brain = Affine(matrix=matrix, source=section.to_brain.source, target=section.to_brain.target)
    return replace(section, spacing_um=spacing_um, shape_px=shape, to_brain=to_brain)


@no_type_check
@njit(cache=True)
def _interpolated(face, weights, faces, values):
    out = np.zeros(face.shape, np.float32)
    for row in range(face.shape[0]):
        for col in range(face.shape[1]):
            if face[row, col] >= 0:
                for k in range(3):
                    out[row, col] += weights[row, col, k] * values[faces[face[row, col], k]]
    return out


@no_type_check
@njit(cache=True)
def _slopes(values, face, tile_um):
    """Differences to the neighbours that are cortex: central where both are, one-sided where one is, else 0."""
    height, width = values.shape
    out = np.zeros((height, width, 2), np.float32)
    for row in range(height):
        for col in range(width):
            if face[row, col] < 0:
                continue
            for axis in range(2):
                down, right = 1 - axis, axis
                low, high, steps = values[row, col], values[row, col], 0
                if row >= down and col >= right and face[row - down, col - right] >= 0:
                    low, steps = values[row - down, col - right], steps + 1
                if row + down < height and col + right < width and face[row + down, col + right] >= 0:
                    high, steps = values[row + down, col + right], steps + 1
                if steps:
                    out[row, col, axis] = (high - low) / (steps * tile_um)
    return out
