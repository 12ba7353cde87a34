"""Cells against tables: as many, as large and as turned as the layers say; borders as wide as they should be."""

import numpy as np
import pytest
from scipy import stats

from gennari.phantom.cell_tables import cell_tables
from gennari.phantom.cells import (
    ANGLE,
    COL,
    GLIA,
    HEIGHT,
    KIND,
    LAYER,
    OPACITY,
    PYRAMID,
    ROUND,
    ROW,
    SHARP_UM,
    SOFT_UM,
    SOFTNESS,
    TILT_SD,
    WIDTH,
    scatter,
)
from gennari.phantom.layers import COLUMNS, SAMPLES, profile_tables
from gennari.phantom.optics import (
    GLIA_AREA_UM2,
    GLIA_OPACITY,
    NEURON_OPACITY,
    WHITE_GLIA_PER_MM3,
    WHITE_NEUROPIL,
    cells_per_mm2,
)
from gennari.phantom.strata import COLUMN_UM, between_cells, shares_of
from gennari.phantom.tiles import Sheet, Tiles

ROWS, COLS, TILE_UM = 64, 128, 32.0
TABLES = profile_tables()


def _sheet(area: str, density=1.0, columnar=0.0) -> Sheet:
    column = COLUMNS.index(area)
    scores = np.full((3, len(COLUMNS)), -9.0, np.float32)
    scores[:, column] = 9.0
    return Sheet(
        faces=np.array([[0, 1, 2]], np.int32),
        scores=scores,
        best=np.full(3, column, np.int32),
        boundaries=np.tile(TABLES.boundaries[column].astype(np.float32), (3, 1)),
        density=np.full((3, 6), density, np.float32),
        across_mm=np.zeros(3, np.float32),
        columnar=np.full(3, columnar, np.float32),
    )


def _tiles(turn_deg=0.0, white=False, corner=(0, 0)) -> Tiles:
    """A flat cortex of ROWS tiles; depth grows along +row, or turned towards +col."""
    rows, cols = np.mgrid[:ROWS, :COLS] + 0.5
    a = np.deg2rad(turn_deg)
    depth = (np.cos(a) * rows / ROWS + np.sin(a) * cols / ROWS).astype(np.float32)
    inside = (depth >= 0) & (depth <= 1) & (not white)
    slope = np.broadcast_to(np.array([np.cos(a), np.sin(a)], np.float32) / (ROWS * TILE_UM), (ROWS, COLS, 2))
    along = np.broadcast_to(np.array([0.0, 1e-3], np.float32), (ROWS, COLS, 2))
    return Tiles(
        first_row=corner[0],
        first_col=corner[1],
        tile_um=TILE_UM,
        depth=np.where(inside, depth, np.nan).astype(np.float32),
        slope=np.ascontiguousarray(slope),
        face=np.where(inside, 0, -1).astype(np.int32),
        weights=np.full((ROWS, COLS, 3), 1 / 3, np.float32),
        across_mm=(cols * TILE_UM * 1e-3).astype(np.float32),
        across_slope=np.ascontiguousarray(along),
        white=np.full((ROWS, COLS), white),
    )


def _entries(area: str):
    """Layer and table entry at the middle of each row of quarters, by hand."""
    depth = (np.arange(2 * ROWS) + 0.5) / (2 * ROWS)
    borders = np.concatenate([[0.0], TABLES.boundaries[COLUMNS.index(area)], [1.0]])
    layer = np.searchsorted(borders[1:-1], depth, side="right")
    along = (depth - borders[layer]) / (borders[layer + 1] - borders[layer])
    return layer, layer * SAMPLES + np.minimum((along * SAMPLES).astype(int), SAMPLES - 1)


@pytest.fixture(scope="module", params=["hOc1", "FG4"])
def drawn(request):
    cells = scatter(5, _tiles(), _sheet(request.param), cell_tables(TABLES), 0.0)
    return request.param, cells


def test_counts_per_layer_are_density_times_area(drawn):
    area, cells = drawn
    column, (layer, entry) = COLUMNS.index(area), _entries(area)
    strip_mm2 = (TILE_UM / 2 * 1e-3) * (COLS * TILE_UM * 1e-3)
    for kinds, per_mm3 in (((ROUND, PYRAMID), TABLES.neurons_per_mm3), ((GLIA,), TABLES.glia_per_mm3)):
        for k in range(6):
            expected = cells_per_mm2(per_mm3[column, entry[layer == k]].astype(float), 20.0).sum() * strip_mm2
            found = int((np.isin(cells[:, KIND], kinds) & (cells[:, LAYER] == k)).sum())
            assert stats.poisson.ppf(5e-4, expected) <= found <= stats.poisson.ppf(1 - 5e-4, expected), (k, kinds)


def test_a_thicker_section_and_a_denser_layer_hold_more_cells():
    plain, thick, dense = (
        scatter(5, _tiles(), _sheet("hOc2", density), cell_tables(TABLES, thickness_um), 0.0)
        for density, thickness_um in ((1.0, 20.0), (1.0, 30.0), (1.5, 20.0))
    )
    assert len(thick) / len(plain) == pytest.approx(1.5, rel=0.03)
    neurons = [(cells[:, KIND] != GLIA).sum() for cells in (plain, dense)]
    assert neurons[1] / neurons[0] == pytest.approx(1.5, rel=0.03)
    assert (dense[:, KIND] == GLIA).sum() == pytest.approx((plain[:, KIND] == GLIA).sum(), rel=0.05)


def test_cells_lie_evenly_inside_the_tissue(drawn):
    _, cells = drawn
    assert 0 <= cells[:, ROW].min() < cells[:, ROW].max() <= ROWS * TILE_UM
    assert stats.kstest(cells[:, COL] / (COLS * TILE_UM), "uniform").pvalue > 1e-3
    assert stats.kstest(cells[:, ROW] % TILE_UM / TILE_UM, "uniform").pvalue > 1e-3


def test_mean_areas_and_opacities_are_those_of_the_tables(drawn):
    area, cells = drawn
    column, (layer, entry) = COLUMNS.index(area), _entries(area)
    body = np.pi / 4 * cells[:, HEIGHT] * cells[:, WIDTH]
    glia = cells[:, KIND] == GLIA
    assert body[glia].mean() == pytest.approx(GLIA_AREA_UM2, rel=0.02)
    assert cells[glia, OPACITY].mean() == pytest.approx(GLIA_OPACITY, rel=0.02)
    assert cells[~glia, OPACITY].mean() == pytest.approx(NEURON_OPACITY, rel=0.02)
    for k in range(1, 6):
        at = entry[layer == k]
        n = TABLES.neurons_per_mm3[column, at]
        soma = np.pi / 4 * TABLES.soma_height_um[column, at] * TABLES.soma_width_um[column, at]
        mine = ~glia & (cells[:, LAYER] == k)
        assert body[mine].mean() == pytest.approx((n * soma).sum() / n.sum(), rel=0.06), k


def test_cells_in_focus_are_dark_and_sharp(drawn):
    _, cells = drawn
    assert SHARP_UM <= cells[:, SOFTNESS].min() < cells[:, SOFTNESS].max() <= SOFT_UM
    neurons = cells[cells[:, KIND] != GLIA]
    assert np.corrcoef(neurons[:, SOFTNESS], neurons[:, OPACITY])[0, 1] < -0.99
    assert 0 < neurons[:, OPACITY].min() < neurons[:, OPACITY].max() <= 1


def test_the_share_of_pyramids_is_the_tables(drawn):
    area, cells = drawn
    column, (layer, entry) = COLUMNS.index(area), _entries(area)
    for k in range(1, 6):
        mine = cells[(cells[:, KIND] != GLIA) & (cells[:, LAYER] == k)]
        n = TABLES.neurons_per_mm3[column, entry[layer == k]]
        expected = (n * TABLES.pyramidal[column, entry[layer == k]]).sum() / n.sum()
        assert (mine[:, KIND] == PYRAMID).mean() == pytest.approx(expected, abs=0.03), k


@pytest.mark.parametrize("turn_deg", [0.0, 35.0, 90.0])
def test_pyramids_point_to_the_pia(turn_deg):
    cells = scatter(5, _tiles(turn_deg), _sheet("FG4"), cell_tables(TABLES), 0.0)
    angle = cells[cells[:, KIND] == PYRAMID, ANGLE].astype(float)
    mean = np.exp(1j * angle).mean()
    # away from where depth grows
    assert np.angle(mean * np.exp(-1j * np.deg2rad(turn_deg + 180))) == pytest.approx(0, abs=0.03)
    assert abs(mean) == pytest.approx(np.exp(-(TILT_SD**2) / 2), abs=0.01)
    others = np.exp(1j * cells[cells[:, KIND] == ROUND, ANGLE].astype(float))
    # Rayleigh's test of a direction at 0.001
    assert len(others) > 500
    assert abs(others.mean()) < np.sqrt(np.log(1000) / len(others))


def test_granule_cells_are_rounder_than_pyramids_of_layer_v():
    cells = scatter(5, _tiles(), _sheet("FG4"), cell_tables(TABLES), 0.0)
    ratio = cells[:, HEIGHT] / cells[:, WIDTH]
    granules = ratio[(cells[:, KIND] == ROUND) & (cells[:, LAYER] == 3)]
    pyramids = ratio[(cells[:, KIND] == PYRAMID) & (cells[:, LAYER] == 4)]
    assert np.median(granules) == pytest.approx(1.0, abs=0.1)
    assert np.median(pyramids) > 1.15


def test_a_cell_depends_on_its_tile_alone():
    sheet, tables = _sheet("hOc1"), cell_tables(TABLES)
    whole = scatter(5, _tiles(), sheet, tables, 0.0)
    tiles = _tiles()
    part = tiles._replace(
        first_row=10,
        first_col=20,
        **{
            name: np.ascontiguousarray(getattr(tiles, name)[10:30, 20:50])
            for name in ("depth", "slope", "face", "weights", "across_mm", "across_slope", "white")
        },
    )
    cut = scatter(5, part, sheet, tables, 0.0)
    tile = np.floor(whole[:, [ROW, COL]] / TILE_UM)
    inside = (tile >= [10, 20]).all(axis=1) & (tile < [30, 50]).all(axis=1)
    np.testing.assert_array_equal(cut, whole[inside])
    other = scatter(6, part, sheet, tables, 0.0)
    assert len(other) != len(cut) or (other != cut).any()


def test_columns_modulate_neurons_by_their_strength_and_leave_the_mean():
    tables = cell_tables(TABLES)
    none = scatter(5, _tiles(), _sheet("hOc2", columnar=1.0), tables, 0.0)
    some = scatter(5, _tiles(), _sheet("hOc2", columnar=1.0), tables, 0.4)

    def wave(cells):
        at = cells[cells[:, KIND] != GLIA, COL].astype(float)
        return 2 * np.cos(2 * np.pi * at / COLUMN_UM).mean()

    # each quarter of a tile has one density: its mean over 16 µm is a little flatter than the wave itself
    assert wave(some) == pytest.approx(0.4 * np.sinc(16 / COLUMN_UM), abs=0.03)
    assert wave(none) == pytest.approx(0, abs=0.03)
    assert len(some) == pytest.approx(len(none), rel=0.02)
    unmarked = scatter(5, _tiles(), _sheet("hOc2", columnar=0.0), tables, 0.4)
    np.testing.assert_array_equal(unmarked, none)


def test_white_matter_holds_glia_only():
    cells = scatter(5, _tiles(white=True), _sheet("hOc1"), cell_tables(TABLES), 0.3)
    expected = WHITE_GLIA_PER_MM3 * 20e-3 * (ROWS * COLS) * (TILE_UM * 1e-3) ** 2
    assert stats.poisson.ppf(5e-4, expected) <= len(cells) <= stats.poisson.ppf(1 - 5e-4, expected)
    assert (cells[:, KIND] == GLIA).all()
    assert (cells[:, LAYER] == 6).all()


def test_glass_holds_nothing():
    tiles = _tiles(white=True)
    empty = tiles._replace(white=np.zeros_like(tiles.white))
    assert len(scatter(5, empty, _sheet("hOc1"), cell_tables(TABLES), 0.3)) == 0


def test_what_lies_between_cells_is_the_tables():
    area = "hOc1"
    column = COLUMNS.index(area)
    found = between_cells(_tiles(), _sheet(area), cell_tables(TABLES))
    depth = (np.arange(ROWS) + 0.5) / ROWS
    borders = np.concatenate([[0.0], TABLES.boundaries[column], [1.0]])
    layer = np.searchsorted(borders[1:-1], depth, side="right")
    along = ((depth - borders[layer]) / (borders[layer + 1] - borders[layer]) * SAMPLES).astype(int)
    expected = -np.log(TABLES.neuropil[column, layer * SAMPLES + np.minimum(along, SAMPLES - 1)])
    np.testing.assert_allclose(found, np.tile(expected[:, None], COLS), rtol=1e-5)
    white = between_cells(_tiles(white=True), _sheet(area), cell_tables(TABLES))
    np.testing.assert_allclose(white, -np.log(WHITE_NEUROPIL), rtol=1e-5)


def _share(one: str, other: str, at_mm) -> np.ndarray:
    """Share of `one` along a line on which signed distances cross at 0."""
    columns = (COLUMNS.index(one), COLUMNS.index(other))
    scores = np.full((3, len(COLUMNS)), -60.0, np.float32)
    scores[0, columns] = 1.0, -1.0
    scores[1:, columns] = -1.0, 1.0
    best = scores.argmax(axis=1).astype(np.int32)
    out = np.empty(len(at_mm))
    for i, x in enumerate(at_mm):
        share, found, weight = np.zeros(3), np.zeros(3, np.int64), (1 - x) / 2
        weights = np.array([weight, 1 - weight, 0.0])
        shares_of(scores, best, TABLES.border_width_mm, np.array([0, 1, 2]), weights, found, share)
        assert share.sum() == pytest.approx(1)
        assert found[0] == columns[0]
        out[i] = share[0]
    return out


@pytest.mark.parametrize(("one", "other"), [("hOc1", "hOc2"), ("hOc2", "hOc1"), ("hOc2", "hOc3d"), ("hOc1", "PG")])
def test_sharing_across_a_border_is_as_wide_as_the_table_says(one, other):
    at_mm = np.linspace(-1, 1, 2001)
    share = _share(one, other, at_mm)
    inside = (share < 0.9) & (share > 0.1)
    width = float(TABLES.border_width_mm[COLUMNS.index(one), COLUMNS.index(other)])
    assert float(np.ptp(at_mm[inside])) == pytest.approx(width, abs=0.01)
    assert share[1000] == pytest.approx(0.5, abs=1e-6)
    assert share[0] > 0.97


def test_a_face_of_one_cytoarchitecture_is_all_its_own():
    share, found = np.zeros(3), np.zeros(3, np.int64)
    sheet = _sheet("FG2")
    weights = np.full(3, 1 / 3)
    shares_of(sheet.scores, sheet.best, TABLES.border_width_mm, np.array([0, 1, 2]), weights, found, share)
    assert share.tolist() == [1.0, 0.0, 0.0]
