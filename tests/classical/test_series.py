from dataclasses import replace

import numpy as np
import pytest

from gennari.classical.gli import CellIndex
from gennari.classical.profiles import profile_features
from gennari.classical.series import profile_series
from gennari.records import Ribbon
from gennari.surface.unroll import Unrolled, unroll

SPACING_UM, SHAPE = 32.0, (70, 30)


@pytest.fixture
def piece() -> Unrolled:
    return flat_piece(SHAPE[1])


def flat_piece(width: int) -> Unrolled:
    """A flat cortex: depth grows along +row from row 8 to 57, traverses about 64 µm apart."""
    depth = np.full((SHAPE[0], width), np.nan, np.float32)
    depth[8:58] = ((np.arange(50) + 0.5) / 50)[:, None]
    cortex = np.isfinite(depth)
    ribbon = Ribbon(
        section=3,
        spacing_um=SPACING_UM,
        depth=depth,
        face=np.where(cortex, 0, -1).astype(np.int32),
        weights=np.where(cortex[:, :, None], 1 / 3, 0).astype(np.float32).repeat(3, axis=2),
        side=np.where(cortex, 0, -1).astype(np.int8),
    )
    return unroll(ribbon, 64.0, depths=20, shortest_mm=0.5)[0]


def index(values) -> CellIndex:
    return CellIndex(values=values.astype(np.float32), spacing_um=SPACING_UM, kind="staining")


def sloping() -> np.ndarray:
    """Linear in rows and columns, so that interpolation is exact."""
    rows, cols = np.meshgrid(np.arange(70.0), np.arange(30.0), indexing="ij")
    return 50 + 2 * rows + 3 * cols


def cols_px(piece: Unrolled) -> np.ndarray:
    """Column of each traverse, which runs straight down."""
    return piece.centre_um[10, :, 1] / SPACING_UM - 0.5


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_profiles_are_means_of_neighbouring_traverses_without_layer_i(piece, columns):
    got = profile_series(piece, index(sloping()), columns, slack=0.0)
    row_px = piece.centre_um[2:19, 5, 0] / SPACING_UM - 0.5
    assert piece.depth[[2, 18]] == pytest.approx([0.125, 0.925])
    n = len(piece.arc_mm) // columns
    for i in range(n):
        col_px = cols_px(piece)[i * columns : (i + 1) * columns].mean()
        assert got.profiles[i] == pytest.approx(50 + 2 * row_px + 3 * col_px, rel=1e-5)
    assert got.arc_mm == pytest.approx([piece.arc_mm[i * columns : (i + 1) * columns].mean() for i in range(n)])
    assert got.features == pytest.approx(profile_features(got.profiles))


def test_profiles_on_glass_are_not_known(piece, rng):
    values = 100 + sloping()
    values[:, 10:16] = rng.uniform(0, 5, (70, 6))
    got = profile_series(piece, index(values), 1, slack=0.0)
    unknown = np.isnan(got.features).all(axis=1)
    inside = (cols_px(piece) >= 10) & (cols_px(piece) <= 15)
    assert unknown[inside].all()
    assert 2 <= inside.sum() <= unknown.sum() <= inside.sum() + 2


def test_traverses_that_end_early_do_not_count(piece):
    piece.centre_um[15:, [2, 6, 7]] = np.nan
    got = profile_series(piece, index(sloping()), 2, slack=0.0)
    alone = profile_series(piece, index(sloping()), 1, slack=0.0)
    assert np.flatnonzero(np.isnan(got.features).any(axis=1)).tolist() == [3]
    assert got.profiles[1] == pytest.approx(alone.profiles[3])


@pytest.mark.parametrize("values", [0.0, 9.0])
def test_profiles_without_moments_are_not_known(piece, values):
    assert np.isnan(profile_series(piece, index(np.full(SHAPE, values))).features).all()


def test_gaps_lie_half_way_between_profiles(piece):
    got = profile_series(replace(piece, closed=True), index(sloping()), 2, slack=0.0)
    assert got.closed
    first, second, third = got.arc_mm[:3]
    assert got.gap_mm(np.array([0.0, 1.5])) == pytest.approx([(first + second) / 2, third])


def test_layers_that_lie_off_the_surfaces_are_followed():
    rows, along = np.meshgrid(np.arange(70.0), np.arange(240.0), indexing="ij")
    off_px = 3 * np.sin(2 * np.pi * along / 240)
    depth = (rows - 8 - off_px) / 50
    layered = np.where(depth > 0, 100 + 60 * np.sin(9 * depth), 2.0)
    wide = flat_piece(240)
    still, moved = (profile_series(wide, index(layered), 1, slack) for slack in (0.0, 0.25))
    assert not still.shift.any()
    assert moved.shift == pytest.approx(3 / 50 * np.sin(2 * np.pi * cols_px(wide) / 240), abs=0.03)
    assert moved.profiles.std(axis=0).mean() < 0.4 * still.profiles.std(axis=0).mean()
