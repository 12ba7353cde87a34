"""Ribbons are coloured by the score, and marks stand where borders are."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex, to_rgba

from gennari.report.border_section_figures import SCORES, RibbonPanel, ribbon_figure
from gennari.report.style import BLUE, INK


def panel(**changes) -> RibbonPanel:
    """A ribbon of four gaps along a row of a 12 x 20 mm section."""
    col = np.linspace(4000, 12_000, 5)
    places = np.column_stack([np.full(5, 6000.0), col])
    given = {
        "title": "section 7",
        "image": np.full((120, 200), 200, np.uint8),
        "spacing_um": 100.0,
        "gap_um": np.stack([places[:-1], places[1:]], axis=1),
        "score": np.array([0.0, 1.0, 2.0, np.nan]),
    }
    return RibbonPanel(**(given | changes))


def across(col_um: float) -> np.ndarray:
    return np.array([[[5000.0, col_um], [7000.0, col_um]]])


def ribbon_of(axes) -> LineCollection:
    (lines,) = [found for found in axes.collections if isinstance(found, LineCollection)]
    return lines


def test_each_gap_is_a_line_in_the_colour_of_its_score_and_grey_where_it_has_none():
    (axes, _) = ribbon_figure([panel()], "score").axes
    lines = ribbon_of(axes)
    middles = [segment.mean(axis=0) for segment in lines.get_segments()]
    assert np.allclose(middles, [[5000, 6000], [7000, 6000], [9000, 6000], [11_000, 6000]])
    low, high = np.quantile([0.0, 1.0, 2.0], (0.05, 0.98))
    expected = [SCORES((value - low) / (high - low)) for value in (0.0, 1.0, 2.0)]
    colours = np.asarray(lines.get_colors())
    assert np.allclose(colours[:3], expected)
    assert np.ptp(to_rgba(to_hex(colours[3]))[:3]) < 0.1  # grey


def test_all_panels_share_one_colour_scale_and_one_window():
    first, second = panel(), panel(score=np.array([2.0, 2.0, 2.0, 2.0]), title="section 8")
    axes = ribbon_figure([first, second], "score").axes[:2]
    same = [np.asarray(ribbon_of(one).get_colors())[k] for one, k in zip(axes, (2, 0), strict=True)]
    assert np.allclose(same[0], same[1])
    assert axes[0].get_xlim() == axes[1].get_xlim()
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert [one.get_title(loc="left") for one in axes] == ["section 7", "section 8"]


def test_the_ribbon_is_as_wide_as_its_millimetres_in_the_picture():
    figure = ribbon_figure([panel()], "score", columns=1)
    axes = figure.axes[0]
    wide_pt = axes.get_position().width * figure.get_figwidth() * 72
    point_um = np.ptp(axes.get_xlim()) / wide_pt
    assert ribbon_of(axes).get_linewidths()[0] * point_um == pytest.approx(1300, rel=0.01)


def test_one_section_alone_does_not_fill_the_page():
    figure = ribbon_figure([panel()], "score", columns=1)
    assert figure.axes[0].get_position().width < 0.5


def test_the_image_lies_under_the_ribbon_where_it_belongs():
    image = np.full((120, 200), 250, np.uint8)
    image[60:, :] = 50  # dark below row 6000 µm
    (axes, _) = ribbon_figure([panel(image=image)], "score").axes
    shown = np.asarray(axes.images[0].get_array(), float)
    left, right, bottom, top = axes.images[0].get_extent()
    row = int((6000 - top) / (bottom - top) * len(shown))
    assert shown[row - 1].max() > shown[row + 1].max() + 0.2
    assert right - left == pytest.approx(200 * 100 - left, abs=4100)


def test_a_true_border_crosses_the_cortex_and_the_highlighted_pair_is_the_stronger_line():
    marked = panel(true_um=np.concatenate([across(6000), across(9000)]), true_names=("hOc1 | hOc2", "hOc2 | hOc3"))
    figure = ribbon_figure([marked], "score")
    lines = [line for line in figure.axes[0].lines if line.get_color() == INK and len(line.get_xdata()) == 2]
    at = {float(np.asarray(line.get_xdata())[0]): line for line in lines if np.ptp(line.get_xdata()) == 0}
    assert sorted(at) == [6000, 9000]
    low, high = sorted(np.asarray(at[6000].get_ydata(), float))
    assert low < 5000
    assert high > 7000
    assert at[6000].get_linewidth() > at[9000].get_linewidth()
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["true border hOc1 | hOc2", "other true border"]


def test_a_found_border_is_a_dot_beyond_the_white_end_of_its_line():
    figure = ribbon_figure([panel(found_um=across(8000))], "score")
    (dots,) = [found for found in figure.axes[0].collections if isinstance(found, PathCollection)]
    ((col, row),) = np.asarray(dots.get_offsets())
    assert col == 8000
    assert row > 7000
    assert to_hex(dots.get_facecolor()[0]) == BLUE
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["border found"]


def test_without_marks_there_is_no_legend():
    assert ribbon_figure([panel()], "score").legends == []


def test_ribbons_without_any_score_are_refused():
    with pytest.raises(ValueError, match="at least one score, got 1 panels without any"):
        ribbon_figure([panel(score=np.full(4, np.nan))], "score")
    with pytest.raises(ValueError, match="at least one score, got 0 panels"):
        ribbon_figure([], "score")


def test_a_true_border_without_a_name_is_refused():
    with pytest.raises(ValueError, match="panel 'section 7' needs a name for each true border, got 0 for 1"):
        panel(true_um=across(6000))
