"""Windows of sections: the same place shows the same pixels, coarse ones follow the law of fine ones."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from gennari.phantom.draw import (
    PhantomSectionReader,
    as_it_lies,
    draw_section,
    extent_um,
    grid_of,
    place_labels,
    reader_of,
    section_labels,
)
from gennari.phantom.individual import make_individual
from gennari.phantom.layers import COLUMN_LABEL, COLUMNS, LABEL_SET
from gennari.phantom.optics import GLIA_AREA_UM2, GLIA_OPACITY, WHITE_GLIA_PER_MM3, WHITE_NEUROPIL
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import Nuisance
from gennari.records import Window
from gennari.surface.ribbon import cut_ribbon, white_matter

NOISY = Nuisance(camera_sd=8.0, blur_um=0.8, cracks=8.0, dust=20.0, registration_mm=(0.3, 0.3))


@pytest.fixture(scope="module")
def section(plain, plain_settings):
    return plan_sections(plain, plain_settings.brains[0], plain_settings)[1]


@pytest.fixture(scope="module")
def reader(plain, section, plain_settings):
    return reader_of(plain, section, plain_settings)


@pytest.fixture(scope="module")
def ribbon(plain, section):
    return cut_ribbon(plain.hemispheres, section, section.spacing_um)


@pytest.fixture(scope="module")
def labels(plain, section, ribbon):
    return section_labels(plain, ribbon, white_matter(plain.hemispheres, section, section.spacing_um, ribbon))


@pytest.fixture(scope="module")
def drawn(reader):
    return draw_section(reader)


@pytest.fixture(scope="module")
def middle_um(ribbon):
    """A place in the middle of cortex."""
    return _middle_um(ribbon, 1 / 3)


def _middle_um(ribbon, share):
    rows, cols = np.nonzero(abs(ribbon.depth - 0.5) < 0.02)
    k = int(len(rows) * share)
    return (rows[k] + 0.5) * ribbon.spacing_um, (cols[k] + 0.5) * ribbon.spacing_um


def _window(section, centre_um, size_px, spacing_um, rotation_deg=0.0) -> Window:
    return Window(
        brain=section.brain,
        section=section.id,
        centre_um=(float(centre_um[0]), float(centre_um[1])),
        size_px=size_px,
        spacing_um=spacing_um,
        rotation_deg=rotation_deg,
    )


def _with(reader: PhantomSectionReader, **nuisance) -> PhantomSectionReader:
    changed = reader.settings.nuisance.model_copy(update=nuisance)
    return replace(reader, settings=reader.settings.model_copy(update={"nuisance": changed}))


def test_place_labels_agrees_with_a_loop(rng):
    faces = rng.integers(0, 30, size=(40, 3)).astype(np.int32)
    scores = rng.normal(size=(30, len(COLUMNS))).astype(np.float32)
    face = rng.integers(0, 40, size=500)
    weights = rng.dirichlet([1, 1, 1], size=500)
    expected = []
    for f, w in zip(face, weights, strict=True):
        corners = faces[f]
        candidates = [int(scores[corner].argmax()) for corner in corners]
        blended = {c: sum(w[k] * scores[corners[k], c] for k in range(3)) for c in candidates}
        expected.append(COLUMN_LABEL[max(blended, key=blended.__getitem__)])
    np.testing.assert_array_equal(place_labels(faces, scores, face, weights), expected)


def test_labels_follow_the_ribbon_and_its_sides(labels, ribbon):
    assert ((labels >= 2) == ribbon.cortex).all()
    assert {"hOc1", "hOc2"} <= {LABEL_SET.names[k] for k in np.unique(labels)}


def test_the_same_seed_gives_the_same_pixels(plain, section, plain_settings, drawn):
    np.testing.assert_array_equal(draw_section(reader_of(plain, section, plain_settings)), drawn)


def test_another_texture_seed_gives_other_pixels_and_the_same_labels(plain, section, plain_settings, drawn, labels):
    other = replace(plain, texture_seed=plain.texture_seed + 1)
    cortex = labels >= 2
    assert (draw_section(reader_of(other, section, plain_settings)) != drawn)[cortex].mean() > 0.5
    ribbon = cut_ribbon(other.hemispheres, section, section.spacing_um)
    white = white_matter(other.hemispheres, section, section.spacing_um, ribbon)
    np.testing.assert_array_equal(section_labels(other, ribbon, white), labels)


def test_another_section_of_the_same_plane_has_other_cells(plain, section, plain_settings, reader, middle_um):
    other = reader_of(plain, replace(section, id=section.id + 1), plain_settings)
    here, there = (r.read(_window(r.section, middle_um, (60, 60), 32.0)) for r in (reader, other))
    assert (here != there).mean() > 0.5


def test_glass_is_255_exactly_and_tissue_is_darker(drawn, labels):
    assert (drawn[labels == 0] == 255).mean() > 0.999  # a pixel's corner may be tissue where its centre is not
    inner = ndimage.binary_erosion(labels > 0, iterations=2)
    assert (drawn[inner] < 255).mean() > 0.999


@pytest.mark.parametrize("spacing_um", [1.0, 32.0, 256.0])
def test_outside_the_section_there_is_only_glass(reader, section, spacing_um):
    rows_um, cols_um = section.size_um
    noisy = _with(reader, camera_sd=8.0)
    for centre in ((-5e3, -5e3), (rows_um + 5e3, 0.5 * cols_um)):
        assert (noisy.read(_window(section, centre, (30, 20), spacing_um)) == 255).all()


def test_a_window_of_another_section_is_refused(reader, section):
    for change in ({"section": section.id + 1}, {"brain": "B"}):
        with pytest.raises(ValueError, match="make one reader a section"):
            reader.read(replace(_window(section, (0, 0), (4, 4), 32.0), **change))


def test_a_reader_travels_to_another_process(reader, section, middle_um):
    window = _window(section, middle_um, (40, 40), 4.0)
    expected = reader.read(window)
    packed = pickle.dumps(reader)
    again = pickle.loads(packed)
    assert not set(vars(again)) - set(reader.__dataclass_fields__)
    np.testing.assert_array_equal(again.read(window), expected)


def test_a_whole_section_is_its_windows(reader, section, drawn, middle_um):
    # in steps of pixels, across the seam of two bands
    first = (int(middle_um[0] / 64) - 200, int(middle_um[1] / 64) - 50)
    centre = [(at + 0.5 * size) * section.spacing_um for at, size in zip(first, (400, 100), strict=True)]
    window = reader.read(_window(section, centre, (400, 100), section.spacing_um))
    part = drawn[first[0] : first[0] + 400, first[1] : first[1] + 100]
    assert (np.rint(window) != part).mean() < 1e-3
    assert abs(np.rint(window) - part).max() <= 1


@pytest.mark.parametrize("spacing_um", [1.0, 2.0, 7.5, 16.0, 32.0, 64.0, 256.0])
@pytest.mark.parametrize("noisy", [False, True])
def test_windows_that_overlap_agree(reader, section, ribbon, spacing_um, noisy):
    if noisy:
        reader = replace(reader, settings=reader.settings.model_copy(update={"nuisance": NOISY}))
    size = 200 if spacing_um < 8 else 60
    down, right = size // 3, -size // 4
    for start in (np.array(_middle_um(ribbon, share)) for share in (0.2, 0.5, 0.8)):
        one = reader.read(_window(section, start, (size, size), spacing_um))
        moved = start + np.array([down, right]) * spacing_um
        other = reader.read(_window(section, moved, (size, size), spacing_um))
        assert one.std() > 3
        # to the last bit but for places computed as start + steps
        np.testing.assert_allclose(one[down:, :right], other[:-down, -right:], atol=2e-3)


@pytest.mark.parametrize("spacing_um", [1.0, 2.0, 8.0, 32.0])
def test_a_window_turned_by_90_degrees_is_the_image_turned(reader, section, middle_um, spacing_um):
    upright, turned = (
        reader.read(_window(section, middle_um, (150, 150), spacing_um, rotation)) for rotation in (0.0, 90.0)
    )
    np.testing.assert_allclose(np.rot90(upright, -1), turned, atol=0.05)


def test_a_window_turned_by_30_degrees_shows_the_same_places(reader, section, middle_um):
    upright, turned = (
        reader.read(_window(section, middle_um, (301, 301), 2.0, rotation)).astype(float) for rotation in (0.0, 30.0)
    )
    a = np.deg2rad(30.0)
    rows, cols = np.mgrid[:301, :301] - 150.0
    at = [np.cos(a) * rows - np.sin(a) * cols + 150, np.sin(a) * rows + np.cos(a) * cols + 150]
    expected = ndimage.map_coordinates(upright, at, order=1)
    inner = np.hypot(rows, cols) < 140
    assert np.corrcoef(expected[inner], turned[inner])[0, 1] > 0.95
    assert turned[inner].mean() == pytest.approx(expected[inner].mean(), abs=0.5)


def test_grids_follow_the_coordinates_of_windows():
    grid = grid_of(Window(brain="A", section=1, centre_um=(100.0, 50.0), size_px=(4, 6), spacing_um=10.0))
    assert (grid.row0_um, grid.col0_um) == pytest.approx((80.0, 20.0))
    low, high = extent_um(grid)
    np.testing.assert_allclose([low, high], [[80, 20], [120, 80]])
    turned = grid_of(
        Window(brain="A", section=1, centre_um=(100.0, 50.0), size_px=(4, 6), spacing_um=10.0, rotation_deg=90.0)
    )
    low, high = extent_um(turned)
    # the row axis points to +col
    np.testing.assert_allclose([low, high], [[70, 30], [130, 70]], atol=1e-9)


@pytest.mark.parametrize("gain", [0.8, 1.3])
def test_a_stain_takes_its_power_of_neuropil_and_of_each_cell(plain, section, plain_settings, labels, gain):
    stained = draw_section(reader_of(replace(plain, stain_gain=gain), section, plain_settings))
    inner = ndimage.binary_erosion(labels == 1, iterations=3)
    assert inner.sum() > 4000
    # glia lie in all depths of the section, those near its surfaces let light through
    focus = (np.arange(1000) + 0.5) / 1000
    opacity = (1 - (3 * (1 - GLIA_OPACITY) * focus**2) ** gain).mean()
    expected = WHITE_NEUROPIL**gain * np.exp(-WHITE_GLIA_PER_MM3 * 20e-9 * GLIA_AREA_UM2 * opacity)
    assert stained[inner].mean() / 255 == pytest.approx(expected, rel=0.02)


def test_light_varies_within_its_sd(reader, drawn, labels):
    tissue = labels > 0
    lit = draw_section(_with(reader, illumination_sd=0.03))
    ratio = np.log(np.maximum(lit[tissue], 1) / 255.5) / np.log(np.maximum(drawn[tissue], 1) / 255.5)
    assert np.median(ratio) == pytest.approx(1, abs=0.08)
    assert 0.002 < np.percentile(ratio, 90) - np.percentile(ratio, 10) < 0.2


def test_blur_smooths_fine_windows_and_leaves_coarse_ones(reader, section, middle_um):
    blurred = _with(reader, blur_um=3.0)
    fine, coarse = _window(section, middle_um, (200, 200), 1.0), _window(section, middle_um, (60, 60), 32.0)
    assert blurred.read(fine).std() < 0.85 * reader.read(fine).std()
    assert blurred.read(fine).mean() == pytest.approx(reader.read(fine).mean(), abs=1.0)
    np.testing.assert_array_equal(blurred.read(coarse), reader.read(coarse))


def test_a_thicker_section_is_darker(reader, section, middle_um):
    window = _window(section, middle_um, (60, 60), 32.0)
    other = _with(reader, thickness_sd=3.0)
    ratio = other.condition.thickness_um / 20
    assert abs(ratio - 1) > 0.02
    absorbed = [-np.log(r.read(window) / 255).mean() for r in (reader, other)]
    # what lies between cells stays as it is
    assert (absorbed[1] > absorbed[0]) == (ratio > 1)


def test_tissue_lies_where_its_registration_says(plain, section, plain_settings, reader):
    off = _with(reader, registration_mm=(0.5, 0.5))
    moved = as_it_lies(plain, section, off.settings)
    assert as_it_lies(plain, section, plain_settings).hemispheres is plain.hemispheres
    image = draw_section(off) < 255
    found = cut_ribbon(moved.hemispheres, section, 64.0)
    white = white_matter(moved.hemispheres, section, 64.0, found)
    assert ((found.cortex | white) == image).mean() > 0.999
    kept = cut_ribbon(plain.hemispheres, section, 64.0)
    assert ((kept.cortex | white) != image).mean() > 0.003


@pytest.mark.parametrize("change", [{"area_contrast": 0.0}, {"one_cytoarchitecture": True}])
def test_with_one_cytoarchitecture_areas_cannot_be_told_from_the_image(
    geometry, plain_settings, section, middle_um, rng, change
):
    settings = plain_settings.model_copy(update=change)
    individual = make_individual("A", geometry, settings, np.random.SeedSequence(7))
    shuffled = rng.permutation(len(COLUMNS))
    other = replace(
        individual, tissue=tuple(replace(tissue, scores=tissue.scores[:, shuffled]) for tissue in individual.tissue)
    )
    window = _window(section, middle_um, (300, 300), 64.0)
    one, two = (reader_of(brain, section, settings).read(window) for brain in (individual, other))
    # sums of shares are rounded: a Poisson quantile may fall on the other side once in a while
    assert (abs(one - two) < 0.01).mean() > 0.9999
    first, second = (brain.tissue[0].labels() for brain in (individual, other))
    assert (first != second).mean() > 0.3
