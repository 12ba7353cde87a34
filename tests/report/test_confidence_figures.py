"""Reliability and coverage: the lines lie where the numbers say."""

import numpy as np

from gennari.report.confidence_figures import Coverage, Diagram, coverage_figure, reliability_figure
from gennari.report.style import to_png


def test_reliability_is_drawn_before_and_after_without_empty_bins():
    before = Diagram(
        confidence=np.array([np.nan, 0.6, 0.9]), accuracy=np.array([np.nan, 0.5, 0.6]), counts=np.array([0, 10, 30])
    )
    after = Diagram(
        confidence=np.array([np.nan, 0.5, 0.7]), accuracy=np.array([np.nan, 0.5, 0.7]), counts=np.array([0, 20, 20])
    )
    figure = reliability_figure({"baseline": {"before": before, "after": after}, "pre-trained": {"": before}})
    first, second = figure.axes[:2]
    diagonal, dashed, solid = first.lines
    assert [line.get_label() for line in first.lines] == ["as it should be", "before", "after"]
    np.testing.assert_allclose(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_allclose(dashed.get_xdata(), [0.6, 0.9])
    np.testing.assert_allclose(solid.get_ydata(), [0.5, 0.7])
    assert (dashed.get_linestyle(), solid.get_linestyle()) == ("--", "-")
    assert [line.get_label() for line in second.lines] == ["as it should be", "the network"]
    np.testing.assert_allclose(figure.axes[2].patches[0].get_data().values, [0, 0.25, 0.75])
    assert to_png(figure, dpi=40)


def test_coverage_runs_from_all_to_few_beside_the_dice_of_all():
    curve = Coverage(coverage=np.array([1.0, 0.6, 0.2]), dice=np.array([0.5, 0.7, np.nan]))
    figure = coverage_figure({"confidence": {"baseline": curve}, "angle": {"baseline": curve}})
    for axes in figure.axes:
        drawn, level = axes.lines
        np.testing.assert_allclose(drawn.get_xdata(), curve.coverage)
        np.testing.assert_allclose(level.get_ydata(), 0.5)
        assert axes.get_xlim()[0] > axes.get_xlim()[1]
    assert to_png(figure, dpi=40)
