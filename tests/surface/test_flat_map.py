from pathlib import Path

import numpy as np
import pytest

from gennari.frames import coronal
from gennari.records import SIDES, Hemisphere, Ribbon, Section
from gennari.sources.fsaverage import fsaverage5_hemispheres
from gennari.sources.gifti import read_surface, surface_path
from gennari.surface.flat_map import map_flat, section_points_um
from gennari.surface.ribbon import cut_ribbon
from gennari.surface.unroll import unroll

SPACING_UM = 64.0


def round_trip_px(ribbon: Ribbon) -> tuple[np.ndarray, float]:
    """For each pixel that the flat grids cover how far from it the way there and back ends, and the share covered."""
    pieces = unroll(ribbon, shortest_mm=0.0)
    flat = map_flat(pieces, ribbon)
    assert (flat.piece[~ribbon.cortex] == -1).all()
    away = []
    for number, piece in enumerate(pieces):
        rows, cols = np.nonzero(flat.piece == number)
        back = section_points_um(piece, flat.arc_mm[rows, cols], flat.depth[rows, cols]) / ribbon.spacing_um - 0.5
        away.append(np.linalg.norm(back - np.column_stack([rows, cols]), axis=1))
    return np.concatenate(away), float((flat.piece >= 0).sum() / ribbon.cortex.sum())


def test_pixels_of_a_ring_lie_where_angle_and_radius_say_and_come_back(shell, section):
    ribbon = cut_ribbon([shell(12.0, 9.0, 5)], section(0.013, 13.0), SPACING_UM)
    (piece,) = unroll(ribbon)
    flat = map_flat([piece], ribbon)
    rows, cols = np.nonzero(flat.piece == 0)
    arm = (np.stack([rows, cols], axis=1) + 0.5) * SPACING_UM / 1000 - 13.0
    radius, angle = np.linalg.norm(arm, axis=1), np.arctan2(arm[:, 0], arm[:, 1])
    assert np.abs(flat.depth[rows, cols] - (12 - radius) / 3).max() < SPACING_UM / 3000
    start = piece.centre_um[16, 0] / 1000 - 13.0
    turned = np.mod(np.sign(_turn(piece)) * (angle - np.arctan2(*start)), 2 * np.pi) * 10.5
    off = np.abs(turned - flat.arc_mm[rows, cols])
    assert np.minimum(off, piece.length_mm - off).max() < 0.2  # slanted by the mesh's facets
    away, covered = round_trip_px(ribbon)
    assert away.max() < 1
    assert covered > 0.99


def _turn(piece) -> float:
    one, two = piece.centre_um[16, :2] / 1000 - 13.0
    return one[1] * two[0] - one[0] * two[1]


def test_the_way_back_is_bilinear_on_the_grid_and_goes_round_a_closed_piece(shell, section):
    (piece,) = unroll(cut_ribbon([shell(12.0, 9.0, 4)], section(0.013, 13.0), SPACING_UM), depths=8)
    nodes = section_points_um(piece, np.tile(piece.arc_mm, 8), np.repeat(piece.depth, len(piece.arc_mm)))
    assert np.allclose(nodes, piece.centre_um.reshape(-1, 2), atol=1e-6)
    arc, depth = np.array([piece.length_mm - 0.01, 5.0, 5.0]), np.array([0.5, -1.0, 2.0])
    found = section_points_um(piece, arc, depth)
    assert np.allclose(found, section_points_um(piece, arc + piece.length_mm, np.clip(depth, 1 / 16, 15 / 16)))
    half = section_points_um(piece, (piece.arc_mm[3:4] + piece.arc_mm[4:5]) / 2, piece.depth[:1])
    assert np.allclose(half, piece.centre_um[0, 3:5].mean(axis=0))
    with pytest.raises(ValueError, match="between two depths and two columns at least, got 1"):
        section_points_um(unroll(cut_ribbon([shell(12.0, 9.0, 4)], section(0.013, 13.0), 200.0), depths=1)[0], arc, arc)


@pytest.mark.slow
@pytest.mark.parametrize(("y_mm", "least"), [(-85.0, 0.96), (-20.0, 0.98)])  # near the pole the sheet is cut flat
def test_pixels_of_fsaverages_ribbon_come_back_within_a_pixel(y_mm: float, least: float):
    plane = Section(
        brain="fsaverage5", id=1, spacing_um=32.0, shape_px=(4700, 4700), to_brain=coronal(y_mm, -75.0, 85.0)
    )
    away, covered = round_trip_px(cut_ribbon(fsaverage5_hemispheres(0), plane, SPACING_UM))
    assert away.max() < 1
    assert covered > least


@pytest.mark.real
@pytest.mark.parametrize("number", [1000, 3500])
def test_pixels_of_the_real_ribbon_come_back_within_a_pixel(real_data: Path, number: int):
    brain = []
    for side in SIDES:
        pial, white = (read_surface(surface_path(real_data / "bigbrain", side, name)) for name in ("pial", "white"))
        wall = np.zeros(len(pial.vertices_mm), bool)
        brain.append(Hemisphere(side=side, pial=pial, white=white, inflated=pial, medial_wall=wall))
    to_brain = coronal(y_mm=-70.02 + 0.02 * number, left_mm=-68.0, top_mm=57.0)
    plane = Section(brain="bigbrain", id=number, spacing_um=32.0, shape_px=(3700, 4300), to_brain=to_brain)
    away, covered = round_trip_px(cut_ribbon(brain, plane))
    assert away.max() < 1
    assert covered > 0.95  # the rest is cut so flat that no line across the cortex comes near
