"""On the surface: what is known is painted, the rest shows the folds; lines and curves lie where they belong."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from gennari.records import Hemisphere
from gennari.report.border_surface_figures import TrackedCurve, curves_on_surface, kinds_map, score_map
from gennari.report.style import BLUE, INK, VERMILION

Both = tuple[Hemisphere, Hemisphere]


def vertices(hemispheres: Both) -> np.ndarray:
    return hemispheres[0].inflated.vertices_mm


def everywhere(hemispheres: Both, value: float = 1.0) -> np.ndarray:
    return np.full(len(vertices(hemispheres)), value)


def coloured(axes) -> np.ndarray:
    """Opaque pixels that are not grey."""
    picture = np.asarray(axes.images[0].get_array(), float)
    return (picture[..., 3] > 0.99) & (np.ptp(picture[..., :3], axis=2) > 0.05)


def test_scores_are_painted_where_they_are_known_and_folds_show_elsewhere(hemispheres: Both):
    x = vertices(hemispheres)[:, 0]
    left = np.where(x < -18, np.linspace(0, 1, len(x)), np.nan)
    figure = score_map(hemispheres, {"mean": (left, everywhere(hemispheres, np.nan))}, "score")
    lateral, medial, right_medial, right_lateral = (coloured(axes) for axes in figure.axes[:4])
    assert lateral.sum() > 100
    assert not right_medial.any()
    assert not right_lateral.any()
    assert medial.sum() < lateral.sum()


def test_a_view_is_cut_to_what_is_painted_and_not_cut_where_all_is(hemispheres: Both):
    x = vertices(hemispheres)[:, 0]
    spans = []
    for left in (np.where(x < -22.5, 1.0, np.nan), everywhere(hemispheres)):
        axes = score_map(hemispheres, {"mean": (left, everywhere(hemispheres, np.nan))}, "score").axes[0]
        whole = np.asarray(axes.images[0].get_array()).shape[1]
        spans.append(np.ptp(axes.get_xlim()) / whole)
    assert spans[0] < 0.85
    assert spans[1] == pytest.approx(1.0)


def test_each_map_has_a_colour_scale_of_its_own(hemispheres: Both):
    low, high = np.linspace(0, 1, 258), np.linspace(10, 20, 258)
    figure = score_map(hemispheres, {"a": (low, low), "b": (high, high)}, "score")
    scales = [axes.get_ylim() for axes in figure.axes[9:]]
    assert len(scales) == 2
    assert scales[0][1] < 1.01
    assert scales[1][0] >= 10


def test_an_empty_map_is_refused(hemispheres: Both):
    nothing = everywhere(hemispheres, np.nan)
    with pytest.raises(ValueError, match="map 'mean' needs a value at one vertex at least"):
        score_map(hemispheres, {"mean": (nothing, nothing)}, "score")


def test_borders_between_areas_are_lines_where_neighbours_differ(hemispheres: Both):
    mesh = hemispheres[0].inflated
    area = (mesh.vertices_mm[:, 2] > 0.1).astype(int)  # above and below the equator
    none = np.full(len(area), -1)
    figure = score_map(hemispheres, {"mean": (everywhere(hemispheres),) * 2}, "score", areas=(area, none))
    lines = [[c for c in axes.collections if isinstance(c, LineCollection)] for axes in figure.axes[:4]]
    left, right = lines[0][0], lines[2][0]
    middles = np.array([segment.mean(axis=0) for segment in left.get_segments()])
    assert len(middles) > 10
    height = np.asarray(figure.axes[0].images[0].get_array()).shape[0]
    assert np.abs(middles[:, 1] / height - 0.5).max() < 0.1  # near the equator, half way down
    assert to_hex(left.get_color()[0]) == INK
    assert right.get_segments() == []


def test_kinds_have_the_colours_of_the_legend_and_minus_one_is_none(hemispheres: Both):
    kind = np.where(vertices(hemispheres)[:, 0] < 0, 0, 2)
    none = np.full(len(kind), -1)
    figure = kinds_map(hemispheres, {"3 kinds": (kind, none)}, 3)
    assert coloured(figure.axes[0]).any()
    assert not coloured(figure.axes[3]).any()
    legend = figure.axes[4].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["1", "2", "3"]
    assert len({to_hex(patch.get_facecolor()) for patch in legend.get_patches()}) == 3


def curve(hemispheres: Both, recurrent: bool) -> TrackedCurve:
    mesh = hemispheres[0].inflated
    centre = mesh.vertices_mm[mesh.faces].mean(axis=1)
    near = np.argsort(centre[:, 0])[:4]  # farthest to the left
    return TrackedCurve(side="L", face=near, weights=np.full((4, 3), 1 / 3), recurrent=recurrent)


@pytest.mark.parametrize(("recurrent", "colour"), [(True, VERMILION), (False, BLUE)])
def test_a_curve_runs_through_its_places_where_they_are_seen(hemispheres: Both, recurrent: bool, colour: str):
    figure = curves_on_surface(hemispheres, [curve(hemispheres, recurrent)])
    drawn = [[line for line in axes.lines if line.get_color() == colour] for axes in figure.axes[:4]]
    assert [len(lines) for lines in drawn] == [1, 1, 0, 0]
    seen = [np.isfinite(np.asarray(lines[0].get_xdata(), float)) for lines in drawn[:2]]
    assert seen[0].all()
    assert not seen[1].any()


def test_cortex_that_was_looked_at_is_told_from_cortex_that_was_not(hemispheres: Both):
    looked = np.where(vertices(hemispheres)[:, 0] < -10, 1.0, np.nan)
    figure = curves_on_surface(hemispheres, [], seen=(looked, everywhere(hemispheres, np.nan)))
    assert coloured(figure.axes[0]).any()
    assert "cortex looked at" in [text.get_text() for text in figure.axes[4].get_legend().get_texts()]


def test_one_hemisphere_alone_is_refused(hemispheres: Both):
    with pytest.raises(ValueError, match=r"four views need a left and a right hemisphere, got \['L'\]"):
        kinds_map(hemispheres[:1], {"a": (np.zeros(258, int),)}, 1)
