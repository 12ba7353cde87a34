"""Figures of the table draw what they are given, at its place."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from gennari.report.style import BLUE, GREY
from gennari.report.table_figures import ForestPanel, confused_by_distance_figure, dice_with_intervals, forest


def dots(axes) -> list[tuple[float, float]]:
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axes.lines if line.get_marker() == "o"]


def test_a_dot_stands_at_the_value_and_a_bar_spans_the_interval():
    figure = dice_with_intervals(["one", "two"], {"a": np.array([[0.5, 0.4, 0.7], [0.8, 0.7, 0.9]])})
    (axes,) = figure.axes
    (series,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert series.get_xdata().tolist() == [0.5, 0.8]
    spans = [segment[:, 0].tolist() for segment in axes.collections[0].get_segments()]
    assert spans == [[0.4, 0.7], [0.7, 0.9]]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["one", "two"]


def test_a_series_for_other_areas_is_refused():
    with pytest.raises(ValueError, match="series 'a' needs one Dice for each of 2 areas, got 1"):
        dice_with_intervals(["one", "two"], {"a": np.zeros((1, 3))})


def test_differences_whose_interval_excludes_zero_stand_out():
    values = np.array([[0.1, 0.05, 0.2], [0.1, -0.05, 0.2], [-0.1, -0.2, -0.05], [np.nan] * 3])
    panel = ForestPanel(title="t", value_label="v", values=values, printed=np.array([0.3, np.nan, np.nan, np.nan]))
    (axes,) = forest(list("abcd"), [panel], first_control=2).axes
    assert dots(axes) == [(0.1, 0.0), (0.1, 1.0), (-0.1, 2.0)]
    colours = [to_hex(line.get_color()) for line in axes.lines if line.get_marker() == "o"]
    assert colours == [BLUE, GREY, BLUE]
    assert [text.get_text() for text in axes.texts] == ["–"]
    (printed,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert printed.get_xdata()[0] == 0.3


def test_a_panel_for_other_rows_is_refused():
    with pytest.raises(ValueError, match="panel 't' needs one difference for each of 2 rows"):
        forest(["a", "b"], [ForestPanel(title="t", value_label="v", values=np.zeros((3, 3)))])


def test_shares_stand_as_bars_near_ones_apart():
    figure = confused_by_distance_figure(["touching", "far"], {"a": (0.2, 0.05), "b": (0.1, 0.0)}, {"a": 0.3, "b": 0.4})
    near, far = figure.axes
    assert [bar.get_height() for bar in near.patches] == [0.3, 0.2, 0.4, 0.1]
    assert [bar.get_height() for bar in far.patches] == [0.05, 0.0]
    assert [text.get_text() for text in far.texts] == ["5.0", "0.0"]
