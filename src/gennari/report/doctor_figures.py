"""The doctor's figure: sections with the surfaces' contours over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gennari.report.style import BLUE, MUTED, VERMILION, bare, scale_bar, styled

COLUMNS = 4
WIDTH_IN = 11.0


@dataclass(frozen=True, kw_only=True)
class SurfacePanel:
    """A section with contours.

    Attributes:
        title: what it is.
        note: the figures, in small print.
        image: grey values.
        spacing_um: of the image.
        pial_um, white_um: contours, (row, col) in µm.
        bad: the note is to be seen.
    """

    title: str
    note: str
    image: Float[np.ndarray, "h w"]
    spacing_um: float
    pial_um: Sequence[Float[np.ndarray, "_ 2"]]
    white_um: Sequence[Float[np.ndarray, "_ 2"]]
    bad: bool = False


@styled
def contour_figure(panels: Sequence[SurfacePanel]) -> Figure:
    """Sections in rows of COLUMNS, pial contours over them in one colour, white ones in another.

    Raises:
        ValueError: there are no panels.
    """
    if not panels:
        raise ValueError("contour_figure needs at least one section")
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    aspect = max(panel.image.shape[0] / panel.image.shape[1] for panel in panels)
    cell_in = WIDTH_IN / COLUMNS
    figure = Figure(figsize=(columns * cell_in, rows * (cell_in * aspect + 0.45) + 0.35), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel():
        bare(axes)
        axes.set_visible(False)
    for axes, panel in zip(grid.ravel(), panels, strict=False):
        axes.set_visible(True)
        height, width = panel.image.shape
        extent = (0, width * panel.spacing_um, height * panel.spacing_um, 0)
        axes.imshow(panel.image, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="bilinear")
        for rings, colour in ((panel.white_um, BLUE), (panel.pial_um, VERMILION)):
            for ring in rings:
                closed = np.concatenate([ring, ring[:1]])
                axes.plot(closed[:, 1], closed[:, 0], color=colour, linewidth=0.6)
        axes.set_xlim(extent[:2])
        axes.set_ylim(extent[2:])
        axes.set_anchor("N")
        axes.set_title(panel.title, fontsize=9)
        axes.set_xlabel(panel.note, fontsize=7.5, color=VERMILION if panel.bad else MUTED, loc="left")
        scale_bar(axes, width * panel.spacing_um / 1000)
    handles = [Line2D([], [], color=colour, label=name) for colour, name in ((VERMILION, "pial"), (BLUE, "white"))]
    figure.legend(handles=handles, loc="outside lower right", ncols=2)
    return figure
