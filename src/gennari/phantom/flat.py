"""A flat strip of cortex: the phantom's tissue without folds, and with borders only where they are asked for."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from gennari.phantom.cell_tables import cell_tables
from gennari.phantom.coarse import sum_cells
from gennari.phantom.fields import wave_field
from gennari.phantom.individual import layer_borders
from gennari.phantom.layers import ProfileTables
from gennari.phantom.paint import Grid
from gennari.phantom.settings import PhantomSettings
from gennari.phantom.tiles import TILE_UM, Sheet, Tiles

VERTEX_MM = 1.7
"""About the edge of the default phantom's mesh, whose vertices carry layers and densities: fields that vary faster are
smoothed alike, and a border is no wider than a face, as there."""


def flat_strip(
    tables: ProfileTables,
    columns: Sequence[int],
    length_mm: float,
    settings: PhantomSettings,
    rng: np.random.Generator,
    thickness_mm: float = 2.5,
) -> Float32[np.ndarray, "h w"]:
    """Draw a strip of cortex cut perpendicularly, pia at the top, as grey values of pixels of TILE_UM.

    Cells, columns, and how layers and densities vary along the cortex follow the laws of a whole brain
    (`individual.make_tissue`, `coarse.sum_cells`) in the tones of a middling section. There is no curvature, no trend
    over the hemisphere, no vessel, no damage and no camera.

    Args:
        tables: of cytoarchitectures.
        columns: which of them follow each other along the strip, in parts of equal length.
        length_mm: of the strip; a whole number of pixels is taken.
        settings: `density_sd`, `boundary_sd`, `long_mm`, `short_mm` and `columns` are read.
        rng: source of all chance.
        thickness_mm: from pia to white matter.
    """
    across, along = round(thickness_mm * 1e3 / TILE_UM), round(length_mm * 1e3 / TILE_UM)
    length_mm = along * TILE_UM * 1e-3
    faces = len(columns) * max(1, round(length_mm / len(columns) / VERTEX_MM))
    sheet, tiles = _sheet(tables, columns, length_mm, faces, settings, rng), _tiles(across, along, faces)
    grid = Grid(row0_um=0.0, col0_um=0.0, cos=1.0, sin=0.0, spacing_um=TILE_UM, height=across, width=along)
    seed = int(rng.integers(2**62))
    passing, between = sum_cells(seed, tiles, sheet, cell_tables(tables), settings.columns, grid, whole=True)
    return (255 * passing * np.exp(-between)).astype(np.float32)


def _sheet(
    tables: ProfileTables,
    columns: Sequence[int],
    length_mm: float,
    faces: int,
    settings: PhantomSettings,
    rng: np.random.Generator,
) -> Sheet:
    """A row of vertices along the strip; face k joins vertices k and k + 1.

    The first vertex lies half a face before the strip, so that borders are in the middle of faces.
    """
    at_mm = (np.arange(faces + 2) - 0.5) * length_mm / faces
    points = np.column_stack([at_mm, np.zeros((len(at_mm), 2))])
    part = np.floor(at_mm * len(columns) / length_mm).astype(int)
    best = np.array(columns)[np.clip(part, 0, len(columns) - 1)]
    boundaries = layer_borders(tables.boundaries[best], wave_field(rng, 6, settings.long_mm)(points), settings)
    log_density = settings.density_sd * wave_field(rng, 6, settings.long_mm)(points)
    log_density = log_density + settings.density_sd * wave_field(rng, 6, settings.short_mm)(points)
    first = np.arange(len(at_mm) - 1)
    return Sheet(
        faces=np.column_stack([first, first + 1, first + 1]).astype(np.int32),
        scores=_scores(at_mm, columns, length_mm, len(tables.boundaries)),
        best=best.astype(np.int32),
        boundaries=boundaries.astype(np.float32),
        density=np.exp(log_density).astype(np.float32),
        across_mm=at_mm.astype(np.float32),
        columnar=np.clip(wave_field(rng, 1, 8.0, waves=16)(points)[:, 0], 0.0, 1.5),
    )


def _scores(
    at_mm: Float[np.ndarray, "v"], columns: Sequence[int], length_mm: float, cytoarchitectures: int
) -> Float32[np.ndarray, "v c"]:
    """Evidence for each cytoarchitecture: mm inside its part, less those outside; the largest of its parts counts."""
    scores = np.full((len(at_mm), cytoarchitectures), -2 * length_mm)
    edges = np.linspace(0, length_mm, len(columns) + 1)
    edges[[0, -1]] = -length_mm, 2 * length_mm
    for k, column in enumerate(columns):
        inside = np.minimum(at_mm - edges[k], edges[k + 1] - at_mm)
        scores[:, column] = np.maximum(scores[:, column], inside)
    return scores.astype(np.float32)


def _tiles(across: int, along: int, faces: int) -> Tiles:
    rows, cols = np.mgrid[:across, :along] + 0.5
    column_mm = cols * TILE_UM * 1e-3
    place = cols * faces / along + 0.5
    face = place.astype(np.int32)
    second = place - face
    slope = np.zeros((across, along, 2), np.float32)
    slope[..., 0] = 1 / (across * TILE_UM)
    sideways = np.zeros((across, along, 2), np.float32)
    sideways[..., 1] = 1e-3
    return Tiles(
        first_row=0,
        first_col=0,
        tile_um=TILE_UM,
        depth=(rows / across).astype(np.float32),
        slope=slope,
        face=face,
        weights=np.stack([1 - second, second, np.zeros_like(second)], axis=-1).astype(np.float32),
        across_mm=column_mm.astype(np.float32),
        across_slope=sideways,
        white=np.zeros((across, along), bool),
    )
