import numpy as np
import pytest

from gennari.report.chart_figures import (
    METHOD_COLOURS,
    Curve,
    CurvePanel,
    confusion_figure,
    dice_by_area,
    distance_figure,
    training_curves,
)
from gennari.report.style import to_png


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_confusions_are_shares_of_their_row_and_small_ones_are_not_printed():
    counts = np.array([[97, 3, 0], [10, 30, 0], [0, 0, 0]])
    figure = confusion_figure({"ours": counts}, ["a", "b", "c"], first_area=1)
    axes = figure.axes[0]
    shares = np.asarray(axes.images[0].get_array(), float)
    assert np.allclose(shares[:2], [[0.97, 0.03, 0], [0.25, 0.75, 0]])
    assert texts(axes) == ["97", "25", "75"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]


def test_a_class_that_never_occurs_has_an_empty_row():
    figure = confusion_figure({"ours": np.array([[5, 0], [0, 0]])}, ["a", "b"])
    assert np.ma.getmaskarray(figure.axes[0].images[0].get_array())[1].all()


def test_a_confusion_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"confusion 'ours' must be 2 x 2 for 2 names, got \(3, 3\)"):
        confusion_figure({"ours": np.zeros((3, 3), int)}, ["a", "b"])


def test_curves_levels_and_events_are_drawn_and_named():
    curve = Curve(label="baseline", step=np.arange(30), value=np.linspace(3, 1, 30))
    panel = CurvePanel(
        title="Fine-tuning", step_label="iteration", value_label="loss", curves=[curve], levels={"median": 2.0},
        events={"atlas joins": 12},
    )  # fmt: skip
    axes = training_curves([panel]).axes[0]
    assert np.allclose(axes.lines[0].get_ydata(), curve.value)
    assert axes.lines[0].get_color() == METHOD_COLOURS["baseline"]
    assert axes.get_legend_handles_labels()[1] == ["baseline", "median"]
    assert texts(axes) == ["atlas joins"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "loss")
    assert axes.get_ylim()[0] == 0


def test_a_smooth_curve_is_the_running_median_over_the_raw_values(rng):
    value = np.where(rng.random(300) < 0.1, 50.0, 1.0)
    curve = Curve(label="loss", step=np.arange(300), value=value, smooth=True, colour="#123456")
    panel = CurvePanel(title="", step_label="", value_label="", curves=[curve], log=True)
    raw, smooth = training_curves([panel]).axes[0].lines[:2]
    assert np.allclose(raw.get_ydata(), value)
    assert np.median(smooth.get_ydata()) == 1
    assert smooth.get_color() == "#123456"


def test_unused_axes_stay_empty():
    panel = CurvePanel(title="", step_label="", value_label="", curves=[])
    figure = training_curves([panel] * 4)
    assert len(figure.axes) == 6
    assert not figure.axes[-1].get_xticks().size


def test_dice_bars_have_their_lengths_and_the_mean_leaves_out_what_is_missing():
    figure = dice_by_area(["hOc1", "hOc2"], {"baseline": np.array([0.5, np.nan]), "ours": np.array([0.6, 0.8])})
    first, second = figure.axes[0].containers
    assert [bar.get_width() for bar in first] == pytest.approx([0.5, 0, 0.5])
    assert [bar.get_width() for bar in second] == pytest.approx([0.6, 0.8, 0.7])
    assert "not there" in texts(figure.axes[0])


def test_dice_needs_one_value_an_area():
    with pytest.raises(ValueError, match="series 'ours' needs one Dice for each of 2 areas, got 1"):
        dice_by_area(["hOc1", "hOc2"], {"ours": np.array([0.5])})


def test_the_error_of_a_perfect_network_is_zero_at_every_distance(rng):
    true = rng.gamma(3, 15, 500)
    figure = distance_figure(true, true, 0.0, 20.0)
    trivial, network = figure.axes[1].lines
    assert np.allclose(network.get_ydata(), 0)
    assert np.max(trivial.get_ydata()) > 10
    assert to_png(figure, dpi=40)
