import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from gennari.report.style import nice_length, rgb, scale_bar, styled, to_png


@pytest.mark.parametrize(
    ("limit", "length"), [(1.0, 1), (0.99, 0.5), (4.9, 2), (5.0, 5), (19.99, 10), (0.03, 0.02), (123.0, 100)]
)
def test_a_nice_length_is_the_largest_round_one_not_above_the_limit(limit: float, length: int | float):
    assert nice_length(limit) == pytest.approx(length)


def test_a_scale_bar_of_no_length_is_refused():
    with pytest.raises(ValueError, match="positive length, got 0"):
        nice_length(0.0)


@pytest.mark.parametrize(("width_mm", "length_mm", "label"), [(100.0, 20.0, "20 mm"), (2.0, 0.5, "500 µm")])
def test_a_scale_bar_is_as_long_as_it_says(width_mm: float, length_mm: float, label: str):
    axes = Figure().subplots()
    assert scale_bar(axes, width_mm) == pytest.approx(length_mm)
    assert np.ptp(np.asarray(axes.lines[0].get_xdata(), float)) == pytest.approx(length_mm / width_mm)
    assert axes.texts[0].get_text() == label


def test_our_style_leaves_matplotlibs_settings_as_they_were():
    before = dict(matplotlib.rcParams)

    @styled
    def draw() -> Figure:
        assert matplotlib.rcParams["axes.spines.top"] is False
        return Figure()

    draw()
    assert dict(matplotlib.rcParams) == before


def test_the_same_figure_gives_the_same_png():
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([0, 1])
    assert to_png(figure) == to_png(figure)
    assert to_png(figure, dpi=50).startswith(b"\x89PNG")


def test_colours_become_numbers():
    assert np.allclose(rgb("#ff8000"), [1, 128 / 255, 0])
