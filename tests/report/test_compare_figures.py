"""The figure of a comparison shows what it was given."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from gennari.report.compare_figures import LabelCurve, labels_figure


def _curve(label: str, values: list[float]) -> LabelCurve:
    interval = np.array([[value, value - 0.1, value + 0.1] for value in values])
    return LabelCurve(label=label, sections=[54, 33, 11][: len(values)], values=interval)


def test_each_curve_goes_through_its_values_from_few_to_many_sections() -> None:
    figure = labels_figure({"held-out": [_curve("L", [0.8, 0.7, 0.5])]}, "Dice")
    (axes,) = figure.axes
    (line,) = axes.get_lines()
    assert np.allclose(line.get_ydata(), [0.5, 0.7, 0.8])
    assert (np.diff(line.get_xdata()) > 0).all()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["11", "33", "54"]


def test_a_label_has_one_colour_in_all_panels() -> None:
    curves = [_curve("L", [0.8, 0.7]), _curve("none", [0.6, 0.5])]
    figure = labels_figure({"held-out": curves, "E": curves[::-1]}, "Dice")
    colours = [{line.get_label(): line.get_color() for line in axes.get_lines()} for axes in figure.axes]
    assert colours[0] == colours[1]
    assert len(set(colours[0].values())) == 2


def test_a_curve_without_a_value_for_each_number_is_refused() -> None:
    curve = LabelCurve(label="L", sections=[54, 33], values=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="one value for each of 2"):
        labels_figure({"held-out": [curve]}, "Dice")


def test_means_of_fewer_seeds_are_hollow() -> None:
    whole = LabelCurve(label="none", sections=[11, 33], values=np.zeros((2, 3)), seeds=[3, 3])
    mixed = LabelCurve(label="L", sections=[33, 11], values=np.array([[0.7, 0.6, 0.8], [0.5, 0.4, 0.6]]), seeds=[1, 3])
    figure = labels_figure({"held-out": [whole, mixed]}, "Dice")
    (axes,) = figure.axes
    (hollow,) = [drawn for drawn in axes.collections if isinstance(drawn, PathCollection)]
    ((x, y),) = np.asarray(hollow.get_offsets())
    assert (x, y) in {tuple(point) for line in axes.get_lines() for point in np.asarray(line.get_xydata())}
    assert y == 0.7
    assert "hollow: fewer seeds" in [text.get_text() for text in figure.legends[0].get_texts()]
    alike = labels_figure({"held-out": [whole]}, "Dice")
    assert not [drawn for drawn in alike.axes[0].collections if isinstance(drawn, PathCollection)]


def test_a_curve_without_seeds_for_each_number_is_refused() -> None:
    curve = LabelCurve(label="L", sections=[54, 33], values=np.zeros((2, 3)), seeds=[1])
    with pytest.raises(ValueError, match="one number of seeds for each of 2"):
        labels_figure({"held-out": [curve]}, "Dice")


def test_curves_at_a_single_number_of_sections_stay_together() -> None:
    figure = labels_figure({"held-out": [_curve("L", [0.8]), _curve("none", [0.6]), _curve("coord", [0.7])]}, "Dice")
    (axes,) = figure.axes
    places = np.array([np.asarray(line.get_xdata(), float)[0] for line in axes.get_lines()])
    low, high = np.log(axes.get_xlim())
    assert len(set(places)) == 3
    assert np.ptp(np.log(places)) < (high - low) / 3
