"""Everything along the arc stands at its arc length."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.markers import CARETDOWN

from gennari.report.border_arc_figures import ArcPanel, Stretch, Strip, Trace, arc_figure
from gennari.report.style import BLUE, GREY, INK


def panel(**changes) -> ArcPanel:
    gap_mm = np.arange(0.1, 20, 0.2)
    given = {
        "title": "section 7, left",
        "flat": np.linspace(0, 255, 8 * 100).reshape(8, 100),
        "flat_mm": (0.0, 20.0),
        "gap_mm": gap_mm,
        "traces": [Trace(label="learned", value=np.exp(-((gap_mm - 12) ** 2)))],
    }
    return ArcPanel(**(given | changes))


def line(axes, colour: str, style: str = "-"):
    (found,) = [one for one in axes.lines if one.get_color() == colour and one.get_linestyle() == style]
    return found


def test_the_score_is_drawn_along_the_arc_under_the_unrolled_image():
    image, score = arc_figure(panel()).axes
    assert tuple(image.images[0].get_extent()) == (0.0, 20.0, 1, 0)
    drawn = line(score, BLUE)
    assert np.asarray(drawn.get_xdata())[np.argmax(drawn.get_ydata())] == pytest.approx(12, abs=0.11)
    assert image.get_xlim() == score.get_xlim() == (0.0, 20.0)


def test_the_image_says_how_far_it_is_stretched():
    (image, _) = (figure := arc_figure(panel(), thickness_mm=0.5)).axes
    box, width, height = image.get_position(), figure.get_figwidth(), figure.get_figheight()
    stretch = (box.height * height / 0.5) / (box.width * width / 20)
    assert image.get_ylabel() == f"depth\n(× {stretch:.0f})"


def test_a_range_is_what_is_shown_and_the_scale_is_that_of_the_range():
    gap_mm = np.arange(0.1, 20, 0.2)
    value = np.where(gap_mm < 10, 1.0, 50.0)
    figure = arc_figure(panel(traces=[Trace(label="learned", value=value)]), (2.0, 8.0))
    assert all(axes.get_xlim() == (2.0, 8.0) for axes in figure.axes)
    assert figure.axes[1].get_ylim() == (0.0, pytest.approx(1.22))


def test_true_borders_are_lines_through_all_axes_with_their_names_above():
    figure = arc_figure(panel(borders=[(4.0, "hOc1 | hOc2"), (15.0, "hOc2 | hOc3")]))
    for axes in figure.axes:
        places = [one.get_xdata()[0] for one in axes.lines if one.get_color() == INK and one.get_linestyle() == "--"]
        assert places == [4.0, 15.0]
    named = {text.get_text(): text.get_position()[0] for text in figure.axes[0].texts}
    assert named == {"hOc1 | hOc2": 4.0, "hOc2 | hOc3": 15.0}


def test_names_that_would_run_into_each_other_are_raised_and_then_left_out():
    near = [(4.0, "hOc1 | hOc2"), (4.2, "hOc2 | hOc3"), (4.4, "hOc3 | hOc4")]
    texts = arc_figure(panel(borders=near)).axes[0].texts
    assert [text.get_text() for text in texts] == ["hOc1 | hOc2", "hOc2 | hOc3"]
    assert texts[1].get_position()[1] > texts[0].get_position()[1]


def test_a_name_at_the_edge_of_what_is_shown_is_moved_in():
    texts = (
        arc_figure(panel(borders=[(0.1, "hOc1 | hOc2"), (10.0, "hOc2 | hOc3"), (19.9, "hOc3 | hOc4")])).axes[0].texts
    )
    first, middle, last = (text.get_position()[0] for text in texts)
    assert first > 0.4
    assert middle == 10.0
    assert last < 19.6


def test_thresholds_and_found_borders_stand_where_they_are_given():
    value = np.full(100, 2.0)
    figure = arc_figure(panel(traces=[Trace(label="learned", value=value, threshold=3.0, found_mm=(5.0, 9.0))]))
    score = figure.axes[1]
    assert (np.asarray(line(score, GREY, ":").get_ydata()) == 3.0).all()
    (found,) = [one for one in score.lines if one.get_marker() == CARETDOWN]
    assert np.asarray(found.get_xdata()).tolist() == [5.0, 9.0]
    assert np.asarray(found.get_ydata()).tolist() == [2.0, 2.0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["threshold", "border found"]


def test_a_score_may_be_drawn_on_a_logarithmic_axis():
    value = np.geomspace(1, 1000, 100)
    (_, score) = arc_figure(panel(traces=[Trace(label="D²", value=value, log=True)])).axes
    assert score.get_yscale() == "log"
    assert score.get_ylim()[0] == pytest.approx(1.0)
    assert score.get_ylim()[1] > 1000


def test_a_score_that_is_nowhere_known_leaves_an_empty_axes():
    (_, score) = arc_figure(panel(traces=[Trace(label="D²", value=np.full(100, np.nan))])).axes
    assert score.get_ylim() == (0.0, pytest.approx(1.22))


def test_areas_are_coloured_stretches_and_short_ones_have_no_room_for_a_name():
    stretches = [
        Stretch(begin_mm=0.0, end_mm=12.0, name="hOc1", colour="#b2182b"),
        Stretch(begin_mm=12.0, end_mm=12.5, name="hOc2", colour="#ef8a62"),
        Stretch(begin_mm=12.5, end_mm=20.0, name="hOc3", colour="#fddbc7"),
    ]
    areas = arc_figure(panel(stretches=stretches), (1.0, 20.0)).axes[1]
    spans = [(bar.get_x(), bar.get_x() + bar.get_width(), to_hex(bar.get_facecolor())) for bar in areas.patches]
    assert spans == [(1.0, 12.0, "#b2182b"), (12.0, 12.5, "#ef8a62"), (12.5, 20.0, "#fddbc7")]
    assert {text.get_text(): to_hex(text.get_color()) for text in areas.texts} == {"hOc1": "#ffffff", "hOc3": INK}


def test_confounds_stand_below_with_their_levels():
    strips = [Strip(label="curvature\n(1/mm)", value=np.linspace(-1, 1, 100), levels=(0.4,))]
    strip = arc_figure(panel(strips=strips)).axes[2]
    assert strip.get_ylabel() == "curvature\n(1/mm)"
    levels = [one.get_ydata()[0] for one in strip.lines if one.get_color() == GREY]
    assert levels == [0.4]


@pytest.mark.parametrize(
    "changes",
    [
        {"traces": [Trace(label="learned", value=np.zeros(99))]},
        {"strips": [Strip(label="learned", value=np.zeros(99))], "traces": []},
    ],
)
def test_values_of_other_gaps_are_refused(changes: dict):
    with pytest.raises(ValueError, match="'learned' needs one value for each of 100 gaps of the arc, got 99"):
        panel(**changes)


def test_gaps_out_of_order_are_refused():
    with pytest.raises(ValueError, match="gaps must lie in the order of their arc"):
        panel(gap_mm=np.arange(20, 0.1, -0.2)[:100])
