import numpy as np
import pytest

from gennari.report.doctor_figures import SurfacePanel, contour_figure
from gennari.report.style import MUTED, VERMILION


def panel(bad: bool) -> SurfacePanel:
    ring = np.array([[100.0, 100.0], [100.0, 900.0], [900.0, 900.0]])
    return SurfacePanel(
        title="A, section 7",
        note="0.2 mm",
        image=np.full((10, 12), 200.0),
        spacing_um=100.0,
        pial_um=[ring],
        white_um=[ring * 0.5, ring * 0.4],
        bad=bad,
    )


def test_contours_lie_on_the_image_in_micrometres() -> None:
    figure = contour_figure([panel(False), panel(True)])
    first, second = figure.axes[:2]
    assert tuple(first.images[0].get_extent()) == (0, 1200, 1000, 0)
    pial = first.lines[2].get_xydata()
    np.testing.assert_array_equal(pial, [[100, 100], [900, 100], [900, 900], [100, 100]])
    assert first.lines[2].get_color() == VERMILION
    assert first.xaxis.label.get_color() == MUTED
    assert second.xaxis.label.get_color() == VERMILION


def test_a_figure_needs_a_section() -> None:
    with pytest.raises(ValueError, match="at least one section"):
        contour_figure([])
