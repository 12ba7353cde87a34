"""Layers at coarse pixels: as dark as their tables say, with the mean and the variance of averaged fine pixels."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from gennari.phantom.draw import draw_section, reader_of
from gennari.phantom.layers import COLUMNS, profile_tables
from gennari.phantom.optics import GLIA_AREA_UM2, GLIA_OPACITY, WHITE_GLIA_PER_MM3, WHITE_NEUROPIL, absorption
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import Nuisance
from gennari.records import Window
from gennari.surface.ribbon import cut_ribbon, white_matter


@pytest.fixture(scope="module")
def section(plain, plain_settings):
    return plan_sections(plain, plain_settings.brains[0], plain_settings)[1]


@pytest.fixture(scope="module")
def reader(plain, section, plain_settings):
    return reader_of(plain, section, plain_settings)


def _window(section, centre_um, size_px, spacing_um, rotation_deg=0.0) -> Window:
    return Window(
        brain=section.brain,
        section=section.id,
        centre_um=(float(centre_um[0]), float(centre_um[1])),
        size_px=size_px,
        spacing_um=spacing_um,
        rotation_deg=rotation_deg,
    )


def _layers_at(reader, ribbon, rows_um, cols_um):
    """Layer (0 to 5; 6 white matter; -1 glass or near a surface) and winning vertex's column, at places."""
    individual = reader.individual
    step = ribbon.spacing_um
    i = np.clip((rows_um / step).astype(int), 0, ribbon.depth.shape[0] - 1)
    j = np.clip((cols_um / step).astype(int), 0, ribbon.depth.shape[1] - 1)
    layer, column = np.full(i.shape, -1), np.full(i.shape, -1)
    for side in range(2):
        here = ribbon.side[i, j] == side
        corners = individual.hemispheres[side].pial.faces[ribbon.face[i, j][here]]
        borders = np.einsum("nk,nkb->nb", ribbon.weights[i, j][here], individual.tissue[side].boundaries[corners])
        depth = ribbon.depth[i, j][here]
        at = (depth[:, None] >= borders).sum(axis=1)
        # a pixel on the rim is part glass
        layer[here] = np.where((depth > 0.03) & (depth < 0.97), at, -1)
        column[here] = individual.tissue[side].scores[corners[:, 0]].argmax(axis=1)
    return layer, column


@pytest.fixture(scope="module")
def fine_ribbon(plain, section):
    return cut_ribbon(plain.hemispheres, replace(section, spacing_um=32.0, shape_px=_doubled(section)), 32.0)


def _doubled(section):
    return section.shape_px[0] * 2, section.shape_px[1] * 2


def _pooled(reader, ribbon, centres, rotation_deg, offset_um):
    """Grey values at 32 µm, those averaged from 2 µm, and the layer, pooled over windows of 0.5 mm."""
    pooled = []
    n = 16
    rows, cols = np.mgrid[:n, :n] + 0.5 - n / 2
    a = np.deg2rad(rotation_deg)
    for centre in centres:
        at = centre + offset_um
        window = _window(reader.section, at, (n, n), 32.0, rotation_deg)
        coarse = reader.read(window)
        fine = reader.read(replace(window, size_px=(16 * n, 16 * n), spacing_um=2.0))
        rows_um = at[0] + 32 * (np.cos(a) * rows - np.sin(a) * cols)
        cols_um = at[1] + 32 * (np.sin(a) * rows + np.cos(a) * cols)
        layer, _ = _layers_at(reader, ribbon, rows_um, cols_um)
        pooled.append([coarse.ravel(), fine.reshape(n, 16, n, 16).mean(axis=(1, 3)).ravel(), layer.ravel()])
    return np.concatenate(pooled, axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "rotation_deg", "offset_um", "gain"),
    [(0.0, 0.0, 0.0, 1.0), (0.3, 0.0, 0.0, 1.0), (0.0, 30.0, 11.0, 1.0), (0.0, 0.0, 0.0, 1.25)],
)
def test_coarse_pixels_have_the_mean_and_the_variance_of_averaged_fine_ones(
    reader, fine_ribbon, columns, rotation_deg, offset_um, gain
):
    settings = reader.settings.model_copy(update={"columns": columns})
    reader = replace(reader, settings=settings, individual=replace(reader.individual, stain_gain=gain))
    # layer by layer: windows where it is
    rows, cols = np.nonzero(np.isfinite(fine_ribbon.depth))
    layer, _ = _layers_at(reader, fine_ribbon, (rows + 0.5) * 32.0, (cols + 0.5) * 32.0)
    rng, centres = np.random.default_rng(33), []
    for k in range(6):
        chosen = rng.choice(np.flatnonzero(layer == k), 60, replace=False)
        centres.append(np.column_stack([rows[chosen], cols[chosen]]) * 32.0)
    coarse, fine, found = _pooled(reader, fine_ribbon, np.concatenate(centres), rotation_deg, offset_um)
    for k in range(6):
        here = found == k
        assert here.sum() > 2000
        assert 255 - coarse[here].mean() == pytest.approx(255 - fine[here].mean(), rel=0.02), k
        assert coarse[here].var() == pytest.approx(fine[here].var(), rel=0.05), k


@pytest.mark.slow
def test_nuisance_keeps_coarse_pixels_at_the_mean_of_fine_ones(reader, fine_ribbon):
    noisy = replace(reader, settings=reader.settings.model_copy(update={"nuisance": Nuisance()}))
    rows, cols = np.nonzero(abs(fine_ribbon.depth - 0.5) < 0.2)
    chosen = np.random.default_rng(4).choice(len(rows), 40, replace=False)
    centres = np.column_stack([rows[chosen], cols[chosen]]) * 32.0
    coarse, fine, _ = _pooled(noisy, fine_ribbon, centres, 0.0, 0.0)
    assert 255 - coarse.mean() == pytest.approx(255 - fine.mean(), rel=0.02)
    tissue = (coarse < 250) & (fine < 250)
    assert coarse[tissue].var() == pytest.approx(fine[tissue].var(), rel=0.05)


@pytest.fixture(scope="module")
def drawn(plain, section, plain_settings):
    """The section at 32 µm, without vessels and columns."""
    settings = plain_settings.model_copy(update={"vessels_per_mm2": 0.0, "columns": 0.0})
    return draw_section(reader_of(plain, replace(section, spacing_um=32.0, shape_px=_doubled(section)), settings))


@pytest.mark.parametrize("area", ["hOc1", "hOc2"])
def test_mean_light_of_a_layer_is_what_its_table_takes(plain, reader, drawn, fine_ribbon, area):
    image = drawn.astype(float)
    rows, cols = np.nonzero(fine_ribbon.cortex)
    layer, _ = _layers_at(reader, fine_ribbon, (rows + 0.5) * 32.0, (cols + 0.5) * 32.0)
    column = COLUMNS.index(area)
    tables = profile_tables()
    takes = absorption(tables)[column] - np.log(tables.neuropil[column])
    pure = np.zeros(len(rows), bool)
    for side in range(2):
        inside = (plain.tissue[side].scores.argmax(axis=1)[plain.hemispheres[side].pial.faces] == column).all(axis=1)
        here = fine_ribbon.side[rows, cols] == side
        pure[here] = inside[fine_ribbon.face[rows, cols][here]]
    for k in range(1, 6):
        there = pure & (layer == k)
        assert there.sum() > 1000
        # sublayers share a layer evenly over its entries
        expected = np.exp(-takes[k * 16 : (k + 1) * 16]).mean()
        assert image[rows[there], cols[there]].mean() / 255 == pytest.approx(expected, rel=0.02), k


def test_white_matter_is_what_its_glia_and_neuropil_take(plain, section, drawn):
    white = white_matter(plain.hemispheres, replace(section, spacing_um=32.0, shape_px=_doubled(section)), 32.0)
    inner = ndimage.binary_erosion(white, iterations=3)
    assert inner.sum() > 4000
    expected = WHITE_NEUROPIL * np.exp(-WHITE_GLIA_PER_MM3 * 20e-9 * GLIA_AREA_UM2 * GLIA_OPACITY)
    assert drawn[inner].mean() / 255 == pytest.approx(expected, rel=0.02)


def test_permuted_layers_are_drawn_in_each_others_place(plain, plain_settings, section, reader, fine_ribbon):
    order = (0, 5, 2, 3, 4, 1)
    swapped = reader_of(replace(plain, tables=profile_tables(layer_order=order)), section, plain_settings)
    rows, cols = np.nonzero(abs(fine_ribbon.depth - 0.5) < 0.02)
    rng = np.random.default_rng(2)
    chosen = rng.choice(len(rows), 60, replace=False)
    centres = np.column_stack([rows[chosen], cols[chosen]]) * 32.0
    grid = np.mgrid[:100, :100] + 0.5 - 50
    pooled = []
    for centre in centres:
        layer, column = _layers_at(reader, fine_ribbon, centre[0] + 32 * grid[0], centre[1] + 32 * grid[1])
        images = [r.read(_window(section, centre, (100, 100), 32.0)) for r in (reader, swapped)]
        pooled.append(np.stack([layer.ravel(), column.ravel(), *(image.ravel() for image in images)]))
    layer, column, intact, moved = np.concatenate(pooled, axis=1)
    here = column == COLUMNS.index("hOc1")
    dark = {k: (intact[here & (layer == k)].mean(), moved[here & (layer == k)].mean()) for k in range(6)}
    for k in (0, 2, 3, 4):
        assert dark[k][1] == pytest.approx(dark[k][0], rel=0.02)
    # II and VI of hOc1 differ by much
    assert abs(dark[1][0] - dark[5][0]) > 5
    assert dark[1][1] == pytest.approx(dark[5][0], rel=0.04)
    assert dark[5][1] == pytest.approx(dark[1][0], rel=0.04)
