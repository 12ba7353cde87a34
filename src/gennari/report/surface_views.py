"""What figures on the surface share: four views, the folds in grey, pictures in axes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gennari.records import Hemisphere, Side
from gennari.report.render import Picture, View
from gennari.report.style import MUTED, bare
from gennari.surface.curvature import mean_curvature_per_mm
from gennari.surface.mesh import adjacency

_BEHIND = 0.55  # cameras stand a little behind, since the occipital lobe is what we look at
VIEWS: dict[tuple[Side, str], View] = {
    ("L", "lateral"): View(towards=(-1, -_BEHIND, 0)),
    ("L", "medial"): View(towards=(1, -_BEHIND, -0.15)),
    ("R", "medial"): View(towards=(-1, -_BEHIND, -0.15)),
    ("R", "lateral"): View(towards=(1, -_BEHIND, 0)),
}
"""By side and name, from left to right."""
_SIDE_NAMES: dict[Side, str] = {"L": "Left", "R": "Right"}
SPACING_MM = 0.35
"""Of a picture's pixels."""


def four_views(rows: Sequence[str], right: float = 0.995) -> tuple[Figure, np.ndarray, Axes]:
    """Rows of four views under their names, and one more row for a legend: the figure, its axes, the legend's axes.

    Args:
        rows: their names.
        right: where the views end, as a share of the figure's width.
    """
    figure = Figure(figsize=(11, 2.35 * len(rows) + 0.55))
    ratios = [1.0] * len(rows) + [0.12]
    grid = figure.add_gridspec(
        len(rows) + 1, 4, height_ratios=ratios, left=0.045, right=right, top=0.93, bottom=0.01, wspace=0.03, hspace=0.05
    )
    axes = np.array([[figure.add_subplot(grid[row, column]) for column in range(4)] for row in range(len(rows))])
    for column, (side, view) in enumerate(VIEWS):
        box = axes[0, column].get_position()
        name = f"{_SIDE_NAMES[side]}, {view}"
        figure.text((box.x0 + box.x1) / 2, 0.955, name, fontsize=9, fontweight="bold", ha="center")
    for row, name in enumerate(rows):
        bare(axes[row, 0])
        axes[row, 0].set_ylabel(name, fontsize=9, fontweight="bold", color=MUTED)
    blank = figure.add_subplot(grid[len(rows), :])
    bare(blank)
    return figure, axes, blank


def show(axes: Axes, picture: Picture) -> None:
    """Fill axes with a rendered surface; one unit is one of its pixels."""
    bare(axes)
    axes.imshow(picture.rgba, interpolation="antialiased")
    axes.set_xlim(0, picture.rgba.shape[1])
    axes.set_ylim(picture.rgba.shape[0], 0)


def folds(hemisphere: Hemisphere) -> Float[np.ndarray, "v 3"]:
    """Light grey on crowns, darker grey in sulci, palest where there is no cortex."""
    neighbours = adjacency(hemisphere.mid)
    neighbours.data[:] = 1.0
    degree = np.maximum(neighbours.sum(axis=1), 1)
    bend = mean_curvature_per_mm(hemisphere.mid)
    for _ in range(6):  # folds are centimetres wide, curvature is as rough as the mesh
        bend = 0.5 * bend + 0.5 * (neighbours @ bend) / degree
    grey = 0.80 + 0.13 * np.tanh(bend / 0.03)
    grey[hemisphere.medial_wall] = 0.97
    return np.repeat(grey[:, None], 3, axis=1)
