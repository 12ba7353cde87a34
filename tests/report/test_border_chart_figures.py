"""Charts of borders draw what they are given, at its place."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from gennari.report.border_chart_figures import (
    ScorePanel,
    checkpoints_figure,
    methods_figure,
    pairs_figure,
    shares_figure,
)
from gennari.report.style import BLUE, GREY


def comparison(values: np.ndarray) -> ScorePanel:
    return ScorePanel(title="AUROC", value_label="v", values=values, levels={"chance": 0.5})


def dots(axes) -> list:
    return [line for line in axes.lines if line.get_marker() == "o"]


def test_ours_stands_first_in_blue_and_controls_under_it_on_their_intervals():
    values = np.array([[0.8, 0.7, 0.9], [0.6, 0.55, 0.65], [np.nan] * 3])
    (axes,) = methods_figure(["ours", "untrained", "permuted"], [comparison(values)]).axes
    places = [(line.get_xdata()[0], line.get_ydata()[0], line.get_color()) for line in dots(axes)]
    assert places == [(0.8, 0.0, BLUE), (0.6, 1.0, GREY)]
    spans = [segment[:, 0].tolist() for found in axes.collections for segment in found.get_segments()]
    assert spans == [[0.7, 0.9], [0.55, 0.65]]
    assert "not measured" in [text.get_text() for text in axes.texts]


def test_our_interval_is_a_band_behind_the_controls_and_levels_are_named():
    values = np.array([[0.8, 0.7, 0.9], [0.6, 0.55, 0.65]])
    (axes,) = methods_figure(["ours", "untrained"], [comparison(values)]).axes
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (0.7, pytest.approx(0.9))
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [0.5]
    assert " chance" in [text.get_text() for text in axes.texts]


def test_a_panel_of_other_methods_is_refused():
    with pytest.raises(ValueError, match="panel 'AUROC' needs a value for each of 3 methods"):
        methods_figure(["a", "b", "c"], [comparison(np.zeros((2, 3)))])


def test_pairs_have_a_dot_for_each_tolerance_and_say_how_many_borders_they_are():
    values = np.array([[0.1, 0.2, 0.3], [np.nan] * 3])
    figure = pairs_figure(["hOc1 | hOc2", "x | y"], np.array([40, 2]), {"F1": values, "recall": values}, (0.5, 1, 2))
    first = figure.axes[0]
    assert [line.get_xdata()[0] for line in dots(first)] == [0.1, 0.2, 0.3]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["hOc1 | hOc2  (40)", "x | y  (2)"]
    assert [text.get_text() for text in first.texts] == ["not measured"]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["within 0.5 mm", "within 1 mm", "within 2 mm"]


def test_measures_of_other_pairs_are_refused():
    with pytest.raises(ValueError, match=r"'F1' needs 3 values for each of 1 pairs, got \(1, 2\)"):
        pairs_figure(["a"], np.array([1]), {"F1": np.zeros((1, 2))}, (0.5, 1, 2))


def test_checkpoints_stand_at_their_error_joined_in_the_order_of_training_better_to_the_right():
    value = np.array([0.7, 0.6])
    series = {"raw": np.column_stack([value, value - 0.1, value + 0.1])}
    (axes,) = checkpoints_figure(np.array([800, 100]), np.array([12.0, 30.0]), series, {"raw": 0.55}).axes
    (joined,) = [line for line in axes.lines if line.get_color() == BLUE]
    assert np.asarray(joined.get_xdata()).tolist() == [30.0, 12.0]
    assert np.asarray(joined.get_ydata()).tolist() == [0.6, 0.7]
    assert axes.get_xlim()[0] > axes.get_xlim()[1]
    assert [text.get_text() for text in axes.texts] == ["100", "800", "untrained"]
    assert [line.get_ydata()[0] for line in axes.lines if line.get_color() == GREY] == [0.55]


def test_shares_are_bars_and_what_chance_gives_is_a_mark_on_them():
    shares = {"learned": {"border": (0.4, 0.1), "none": (0.02, 0.7)}}
    (axes,) = shares_figure(shares).axes
    assert [bar.get_width() for bar in axes.patches] == [0.4, 0.02]
    assert [segment[0, 0] for segment in axes.collections[0].get_segments()] == [0.1, 0.7]
    texts = {text.get_text(): (text.get_position()[0], to_hex(text.get_color())) for text in axes.texts}
    assert texts["40%"][0] < 0.4
    assert texts["40%"][1] == "#ffffff"
    assert texts["2%"][0] > 0.02
