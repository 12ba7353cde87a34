"""Shapes of damage: as long and wide as they should be, in the tissue, with outlines that can be filled."""

import numpy as np
import pytest
from shapely import Polygon

from gennari.phantom.defects import (
    CRACK_LENGTH_UM,
    CRACK_STEP_UM,
    CRACK_WIDTH_UM,
    ENOUGH,
    FIBRE_SHARE,
    FOLD_LENGTH_UM,
    FOLD_WIDTH_UM,
    FROM_SURFACE,
    GLASS_UM,
    NEAR_UM,
    OPENING_UM,
    PIECE_UM,
    Blob,
    Stroke,
    TissueInPlane,
    area_mm2,
    crack,
    fold,
    lost_piece,
    smooth_noise,
    speck,
    tissue_in_plane,
)
from gennari.phantom.plan import plan_sections


@pytest.fixture(scope="module")
def slab() -> TissueInPlane:
    """A straight cortex 2.5 mm thick: pia along row 0, white matter below."""
    cols = np.linspace(0, 40e3, 81)
    return TissueInPlane(
        pial_um=np.column_stack([np.zeros(81), cols]), white_um=np.column_stack([np.full(81, 2500.0), cols])
    )


def _length_um(points) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def test_cracks_have_the_length_and_width_they_are_drawn_from(slab, rng):
    cracks = [crack(rng, slab) for _ in range(150)]
    for shape in cracks:
        assert CRACK_LENGTH_UM[0] - 2 * CRACK_STEP_UM <= _length_um(shape.points_um) <= CRACK_LENGTH_UM[1]
        assert shape.half_width_um.min() >= 0
        assert np.ptp(shape.points_um, axis=0).max() > 0.5 * _length_um(shape.points_um)  # it goes somewhere
    widths = np.array([np.quantile(shape.half_width_um.sum(axis=1), 0.9) for shape in cracks])
    assert widths.min() > 0.5 * CRACK_WIDTH_UM[0]
    assert widths.max() < 1.4 * CRACK_WIDTH_UM[1]
    assert np.median(widths) == pytest.approx(np.sqrt(CRACK_WIDTH_UM[0] * CRACK_WIDTH_UM[1]), rel=0.3)


def test_most_cracks_open_at_the_surface_and_run_inwards_and_all_end_in_a_point(slab, rng):
    cracks = [crack(rng, slab) for _ in range(300)]
    opens = np.array([shape.points_um[0, 0] == pytest.approx(-OPENING_UM) for shape in cracks])
    assert opens.mean() == pytest.approx(FROM_SURFACE, abs=0.1)
    assert np.mean([shape.points_um[-1, 0] > 0 for shape, at in zip(cracks, opens, strict=True) if at]) > 0.9
    for shape, at_surface in zip(cracks, opens, strict=True):
        assert shape.half_width_um[-1].max() < 1e-3
        if not at_surface:
            assert shape.points_um[0, 0] >= 2500
            assert shape.half_width_um[0].max() < 1e-3


def test_folds_have_their_size_and_even_edges(slab, rng):
    for _ in range(60):
        shape = fold(rng, slab)
        assert 0.95 * FOLD_LENGTH_UM[0] <= _length_um(shape.points_um) <= FOLD_LENGTH_UM[1]
        widest = shape.half_width_um.sum(axis=1).max()
        assert 0.8 * FOLD_WIDTH_UM[0] < widest < 1.6 * FOLD_WIDTH_UM[1]
        assert Polygon(shape.outline_um).is_valid  # it nowhere crosses itself
        assert np.abs(np.diff(shape.half_width_um, axis=0))[20:-20].max(initial=0) < 0.06 * widest


def test_lost_pieces_are_bitten_from_the_edge(slab, rng):
    shares, spans = [], []
    for _ in range(100):
        ring = lost_piece(rng, slab).outline_um
        assert Polygon(ring).is_valid
        shares.append((ring[:, 0] > 0).mean())
        spans.append(max(np.ptp(ring, axis=0)))
    assert 0.5 < np.mean(shares) < 0.8
    assert min(shares) > 0.2
    assert max(shares) < 1  # each takes some of the pia
    assert 0.6 * PIECE_UM[0] < min(spans)
    assert max(spans) < 1.8 * PIECE_UM[1]


def test_dust_lies_anywhere_around_the_tissue_and_some_of_it_is_fibres(slab, rng):
    dust = [speck(rng, slab) for _ in range(500)]
    fibres = [shape for shape in dust if isinstance(shape, Stroke)]
    grains = [shape.outline_um for shape in dust if isinstance(shape, Blob)]
    assert len(fibres) / len(dust) == pytest.approx(FIBRE_SHARE, abs=0.05)
    places = np.array([ring.mean(axis=0) for ring in grains])
    assert (places >= np.array([-GLASS_UM, -GLASS_UM]) - 50).all()
    assert (places <= np.array([GLASS_UM, 40e3 + GLASS_UM]) + 50).all()
    assert places[:, 1].mean() == pytest.approx(20e3, rel=0.1)
    spans = np.array([np.ptp(ring, axis=0).max() for ring in grains])
    assert spans.min() > 6
    assert spans.max() < 270
    assert np.median(spans) == pytest.approx(np.sqrt(10 * 150), rel=0.25)


def test_the_outline_of_a_straight_stroke_is_its_rectangle_with_unlike_sides():
    stroke = Stroke(
        points_um=np.column_stack([np.linspace(0, 100, 11), np.zeros(11)]), half_width_um=np.tile([3.0, 5.0], (11, 1))
    )
    ring = stroke.outline_um
    assert Polygon(ring).equals(Polygon([(0, 3), (100, 3), (100, -5), (0, -5)]))
    assert area_mm2(stroke) == pytest.approx(800e-6)


def test_area_agrees_with_shapely(slab, rng):
    shape = lost_piece(rng, slab)
    assert area_mm2(shape) == pytest.approx(Polygon(shape.outline_um).area * 1e-6)


@pytest.mark.parametrize("length", [1.5, 12.0, 60.0])
def test_smooth_noise_has_unit_variance_and_its_correlation(rng, length):
    noise = smooth_noise(rng, 4000, length, 40)
    assert noise.var() == pytest.approx(1, abs=0.15)
    lag = round(2 * length)
    correlation = (noise[:-lag] * noise[lag:]).mean() / noise.var()
    assert correlation == pytest.approx(np.exp(-((lag / length) ** 2) / 4), abs=0.1)


def test_tissue_in_the_plane_is_that_near_it_and_no_medial_wall(plain, plain_settings):
    section = plan_sections(plain, plain_settings.brains[0], plain_settings)[2]
    tissue = tissue_in_plane(plain, section)
    near = [
        h.pial.vertices_mm[~h.medial_wall & (np.abs(section.section_um(h.mid.vertices_mm)[:, 2]) <= NEAR_UM)]
        for h in plain.hemispheres
    ]
    expected = section.section_um(np.concatenate(near))[:, :2]
    assert len(expected) >= ENOUGH
    np.testing.assert_allclose(tissue.pial_um, expected)


def test_where_little_tissue_is_near_the_nearest_is_taken(plain, plain_settings):
    section = plan_sections(plain, plain_settings.brains[0], plain_settings)[0]
    beyond = section.to_brain.matrix.copy()
    beyond[1, 3] = min(h.pial.vertices_mm[:, 1].min() for h in plain.hemispheres) - 5.0  # behind the pole
    off = np.concatenate([h.mid.vertices_mm[~h.medial_wall, 1] for h in plain.hemispheres]) - beyond[1, 3]
    moved = type(section)(
        brain="A",
        id=1,
        spacing_um=64.0,
        shape_px=(10, 10),
        to_brain=type(section.to_brain)(matrix=beyond, source=section.to_brain.source, target=section.to_brain.target),
    )
    tissue = tissue_in_plane(plain, moved)
    assert len(tissue.white_um) == ENOUGH
    assert np.sort(np.abs(off))[0] * 1e3 > NEAR_UM
