import numpy as np
import pytest

from gennari.classical.gli import CellIndex
from gennari.classical.profiles import profile_features
from gennari.classical.series import profile_series
from gennari.surface.unroll import Unrolled

DEPTHS, COLUMNS, SPACING_UM = 20, 11, 32.0


def piece(closed: bool = False) -> Unrolled:
    """A flat cortex: depth grows along +row from 200 µm on, traverses 64 µm apart."""
    depth = (np.arange(DEPTHS) + 0.5) / DEPTHS
    rows, cols = np.meshgrid(200 + 1600 * depth, 100 + 64.0 * np.arange(COLUMNS), indexing="ij")
    return Unrolled(
        section=3,
        arc_mm=0.064 * np.arange(COLUMNS),
        closed=closed,
        depth=depth,
        centre_um=np.stack([rows, cols], axis=-1),
        side=np.zeros(COLUMNS, np.int8),
        face=np.zeros(COLUMNS, np.int32),
        weights=np.zeros((COLUMNS, 3), np.float32),
    )


def index(values) -> CellIndex:
    return CellIndex(values=values.astype(np.float32), spacing_um=SPACING_UM, kind="staining")


def sloping() -> np.ndarray:
    """Linear in rows and columns, so that interpolation is exact."""
    rows, cols = np.meshgrid(np.arange(70.0), np.arange(30.0), indexing="ij")
    return 50 + 2 * rows + 3 * cols


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_profiles_are_means_of_neighbouring_traverses_without_layer_i(columns):
    got = profile_series(piece(), index(sloping()), columns)
    depth = (np.arange(2, 19) + 0.5) / DEPTHS  # 0.1 to 0.95
    row_px = (200 + 1600 * depth) / SPACING_UM - 0.5
    n = 11 // columns
    for i in range(n):
        col_px = np.mean([(100 + 64 * k) / SPACING_UM - 0.5 for k in range(i * columns, (i + 1) * columns)])
        assert got.profiles[i] == pytest.approx(50 + 2 * row_px + 3 * col_px, rel=1e-5)
    assert got.arc_mm == pytest.approx(0.064 * (columns * np.arange(n) + (columns - 1) / 2))
    assert got.features == pytest.approx(profile_features(got.profiles))


def test_profiles_on_glass_are_not_known(rng):
    values = 100 + sloping()
    values[:, 10:16] = rng.uniform(0, 5, (70, 6))
    got = profile_series(piece(), index(values), 1)
    # traverse k reads between columns 2.6 + 2k and 3.6 + 2k
    assert np.flatnonzero(np.isnan(got.features).all(axis=1)).tolist() == [4, 5, 6]


def test_traverses_that_end_early_do_not_count():
    given = piece()
    given.centre_um[15:, [2, 6, 7]] = np.nan
    got = profile_series(given, index(sloping()), 2)
    alone = profile_series(given, index(sloping()), 1)
    assert np.flatnonzero(np.isnan(got.features).any(axis=1)).tolist() == [3]
    assert got.profiles[1] == pytest.approx(alone.profiles[3])


@pytest.mark.parametrize("values", [0.0, 9.0])
def test_profiles_without_moments_are_not_known(values):
    assert np.isnan(profile_series(piece(), index(np.full((70, 30), values))).features).all()


def test_gaps_lie_half_way_between_profiles():
    got = profile_series(piece(closed=True), index(sloping()), 2)
    assert got.closed
    assert got.gap_mm(np.array([0.0, 1.5])) == pytest.approx([0.096, 0.288])
