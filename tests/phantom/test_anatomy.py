"""Where areas lie: the human topology on fsaverage, and draws from a probability map that keep its probabilities."""

import numpy as np
import pytest

from gennari.phantom.anatomy import draw_scores, layout_from_landmarks, layout_from_probabilities
from gennari.phantom.layers import AREAS, COLUMN_LABEL, LABEL_SET
from gennari.records import Hemisphere, TriangleMesh
from gennari.surface.mesh import edges


def _names(evidence: np.ndarray) -> np.ndarray:
    return np.array(LABEL_SET.names)[COLUMN_LABEL[evidence.argmax(axis=1)]]


def _neighbours(names: np.ndarray, mesh: TriangleMesh, area: str) -> set[str]:
    pairs = names[edges(mesh)]
    return {str(name) for pair in pairs[(pairs == area).any(axis=1)] for name in pair if name != area}


@pytest.fixture(scope="module", params=[0, 1], ids=["left", "right"])
def side(request, geometry):
    hemisphere = geometry.hemispheres[request.param]
    return hemisphere, _names(geometry.layouts[request.param].evidence)


def test_all_thirteen_areas_and_other_cortex_occur(side):
    assert set(side[1]) == {*AREAS, "other cortex"}


def test_hoc1_touches_hoc2_only_among_areas(side):
    hemisphere, names = side
    assert _neighbours(names, hemisphere.mid, "hOc1") & set(AREAS) == {"hOc2"}


def test_hoc2_lies_between_hoc1_and_the_third_areas(side):
    hemisphere, names = side
    assert {"hOc1", "hOc3d", "hOc3v"} <= _neighbours(names, hemisphere.mid, "hOc2")
    assert not _neighbours(names, hemisphere.mid, "hOc2") & {"hOc5", "FG1", "FG2", "FG3", "FG4"}


@pytest.mark.parametrize("ring", ["hOc3", "hOc4"])
def test_dorsal_areas_lie_above_ventral_ones(side, ring):
    hemisphere, names = side
    z = hemisphere.mid.vertices_mm[:, 2]
    assert z[names == f"{ring}d"].min() > z[names == f"{ring}v"].max() - 25
    assert z[names == f"{ring}d"].mean() > z[names == f"{ring}v"].mean() + 15


def test_hoc5_and_the_lateral_areas_lie_laterally_of_hoc1(side):
    hemisphere, names = side
    lateral = np.abs(hemisphere.mid.vertices_mm[:, 0])
    for area in ("hOc5", "hOc4la", "hOc4lp", "FG2", "FG4"):
        assert lateral[names == area].mean() > lateral[names == "hOc1"].mean() + 10, area


def test_left_and_right_are_alike(geometry):
    shares = []
    for hemisphere, layout in zip(geometry.hemispheres, geometry.layouts, strict=True):
        names = _names(layout.evidence)
        shares.append([np.mean(names == area) for area in AREAS])
        assert len(hemisphere.mid.vertices_mm) == len(names)
    np.testing.assert_allclose(shares[0], shares[1], rtol=0.35)


def test_landmarks_are_found_on_the_mirrored_side(geometry):
    left = geometry.hemispheres[0]
    mirrored = TriangleMesh(vertices_mm=left.pial.vertices_mm * [-1, 1, 1], faces=left.pial.faces)
    white = TriangleMesh(vertices_mm=left.white.vertices_mm * [-1, 1, 1], faces=left.pial.faces)
    as_right = Hemisphere(side="R", pial=mirrored, white=white, inflated=left.inflated, medial_wall=left.medial_wall)
    np.testing.assert_array_equal(layout_from_landmarks(as_right).evidence, geometry.layouts[0].evidence)


def test_without_border_noise_an_individual_has_the_layout(geometry, rng):
    layout, hemisphere = geometry.layouts[0], geometry.hemispheres[0]
    drawn = _names(draw_scores(layout, hemisphere, rng, 0.0))
    expected = _names(layout.evidence)
    # a vertex exactly on a border belongs to either side
    assert (drawn == expected).mean() > 0.999


def test_border_noise_moves_borders_and_keeps_the_cores(geometry, rng):
    layout, hemisphere = geometry.layouts[0], geometry.hemispheres[0]
    drawn, expected = _names(draw_scores(layout, hemisphere, rng, 2.5)), _names(layout.evidence)
    core = layout.evidence[:, : len(AREAS)].max(axis=1) > 10
    assert (drawn[core] == expected[core]).mean() > 0.85
    rim = np.abs(layout.evidence[:, : len(AREAS)].max(axis=1)) < 2
    assert 0.05 < (drawn[rim] != expected[rim]).mean() < 0.8


def test_columns_beyond_the_thirteen_count_as_other_cortex():
    names = (*AREAS, "hOc6")
    probability = np.zeros((2, 14))
    probability[0, 13], probability[1, 0] = 1.0, 1.0
    layout = layout_from_probabilities(probability, names)
    assert list(_names(layout.evidence)) == ["other cortex", "hOc1"]
    assert not layout.unit_mm


def test_columns_may_come_in_any_order():
    probability = np.eye(13)
    forward = layout_from_probabilities(probability, AREAS)
    backward = layout_from_probabilities(probability[:, ::-1], AREAS[::-1])
    np.testing.assert_array_equal(forward.evidence, backward.evidence)


@pytest.fixture(scope="module")
def scattered(geometry) -> Hemisphere:
    """300 vertices of the left hemisphere: draws need places, not faces."""
    left = geometry.hemispheres[0]

    def some(mesh: TriangleMesh) -> TriangleMesh:
        return TriangleMesh(vertices_mm=mesh.vertices_mm[::34], faces=np.array([[0, 1, 2]], np.int32))

    pial = some(left.pial)
    return Hemisphere(
        side="L", pial=pial, white=some(left.white), inflated=some(left.inflated),
        medial_wall=np.zeros(len(pial.vertices_mm), bool),
    )  # fmt: skip


def test_each_area_is_drawn_as_often_as_its_probability_says(scattered, rng):
    n, draws = len(scattered.pial.vertices_mm), 150
    probability = rng.dirichlet(np.full(14, 0.3), size=n)
    layout = layout_from_probabilities(probability[:, :13], AREAS)
    counts = np.zeros((n, 13))
    for _ in range(draws):
        labels = COLUMN_LABEL[draw_scores(layout, scattered, rng, 2.5).argmax(axis=1)]
        rows = np.flatnonzero(labels >= LABEL_SET.first_area)
        counts[rows, labels[rows] - LABEL_SET.first_area] += 1
    frequency = counts / draws
    assert np.corrcoef(frequency.ravel(), probability[:, :13].ravel())[0, 1] > 0.97
    # the spread is that of a binomial number, no more
    deviation = frequency - probability[:, :13]
    expected = np.sqrt((probability[:, :13] * (1 - probability[:, :13])).mean() / draws)
    assert np.sqrt((deviation**2).mean()) < 1.5 * expected


def test_certain_places_are_always_drawn_as_they_are(scattered, rng):
    probability = np.zeros((len(scattered.pial.vertices_mm), 13))
    probability[:, 4] = 1.0
    layout = layout_from_probabilities(probability, AREAS)
    for _ in range(5):
        assert set(_names(draw_scores(layout, scattered, rng, 2.5))) == {AREAS[4]}
