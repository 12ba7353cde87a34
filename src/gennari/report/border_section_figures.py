"""The ribbon of consecutive sections, coloured by how much neighbouring cortex differs (after Fig. 4 of the paper)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gennari.report.style import BLUE, INK, MUTED, averaged, bare, scale_bar, styled

SCORES = LinearSegmentedColormap.from_list("scores", ["#f3ead2", "#f5c86b", "#e6772e", "#b3202c", "#4a0d2e"])
"""Pale where neighbouring cortex is alike, so that what differs stands out of a pale section."""
RANGE_SHARES = (0.05, 0.98)
"""Quantiles of the score at the ends of the colour scale: the highest would leave all others pale."""
_SHOWN_PX = 620
_RIBBON_MM = 1.3  # drawn along mid depth, narrower than cortex, so that the banks of a sulcus stay apart
_MARGIN_MM = 4.0
_UNKNOWN = "#aab2bd"
_BEYOND_MM = 0.9  # how far a true border's line leaves the cortex at either side
_DOT_MM = 1.6  # below the white matter's surface, where no other bank is


def no_lines() -> Float[np.ndarray, "0 2 2"]:
    """No lines on a section."""
    return np.empty((0, 2, 2))


@dataclass(frozen=True, kw_only=True)
class RibbonPanel:
    """One section with the score of its ribbon; all points are (row, col) in SECTION_UM.

    Attributes:
        title: such as 'section 1345'.
        image: grey values of the whole section.
        spacing_um: of the image.
        gap_um: the two places on mid cortex that each gap lies between.
        score: of each gap; NaN where the ribbon is too short for one, drawn grey.
        true_um: a line across the cortex at each true border, pial end first.
        true_names: of the two areas there, such as 'hOc1 | hOc2'.
        found_um: a line across the cortex at each border that was accepted, pial end first.
    """

    title: str
    image: UInt8[np.ndarray, "h w"]
    spacing_um: float
    gap_um: Float[np.ndarray, "g 2 2"]
    score: Float[np.ndarray, "g"]
    true_um: Float[np.ndarray, "t 2 2"] = field(default_factory=no_lines)
    true_names: Sequence[str] = ()
    found_um: Float[np.ndarray, "f 2 2"] = field(default_factory=no_lines)

    def __post_init__(self) -> None:
        if len(self.true_names) != len(self.true_um):
            raise ValueError(
                f"panel '{self.title}' needs a name for each true border, got {len(self.true_names)} for "
                f"{len(self.true_um)}"
            )


@styled
def ribbon_figure(
    panels: Sequence[RibbonPanel], score_label: str, columns: int = 4, highlight: str | None = "hOc1 | hOc2"
) -> Figure:
    """Consecutive sections as small multiples, cut to the same window and coloured on one scale.

    Args:
        panels: in the order of the sections.
        score_label: with its unit, at the colour scale.
        columns: of the grid of panels.
        highlight: true borders of this name are drawn stronger than the others.

    Raises:
        ValueError: there is no panel, or none has a score.
    """
    scores = np.concatenate([panel.score for panel in panels]) if panels else np.empty(0)
    if not np.isfinite(scores).any():
        raise ValueError(f"a figure of ribbons needs at least one score, got {len(panels)} panels without any")
    low, high = np.nanquantile(scores, RANGE_SHARES)
    window = _window_um(panels)
    columns = max(min(columns, len(panels)), 2)  # one section alone would fill a page
    rows = -(-len(panels) // columns)
    width, words, foot = 11.0, 0.24, 0.70  # inches
    column = width / columns
    height = (column - 0.1) * (window[1] - window[0]) / (window[3] - window[2]) + words
    total = rows * height + foot
    figure = Figure(figsize=(width, total))
    for k, panel in enumerate(panels):
        left, top = (k % columns) * column, total - (k // columns) * height
        box = ((left + 0.05) / width, (top - height + 0.02) / total, (column - 0.1) / width, (height - words) / total)
        axes = figure.add_axes(box)
        axes.set_title(panel.title, fontsize=8.5, pad=3)
        _draw(axes, panel, window, Normalize(low, high), highlight, 72 * (column - 0.1))
        if k == 0:
            scale_bar(axes, (window[3] - window[2]) / 1000, y=0.01)
    _colour_scale(figure, Normalize(low, high), score_label, total)
    _legend(figure, panels, highlight)
    return figure


def _window_um(panels: Sequence[RibbonPanel]) -> tuple[float, float, float, float]:
    """Top, bottom, left and right of what all panels show: every ribbon with a margin, within the sections."""
    points = np.concatenate([panel.gap_um.reshape(-1, 2) for panel in panels])
    low = np.maximum(points.min(axis=0) - 1000 * _MARGIN_MM, 0)
    high = points.max(axis=0) + 1000 * _MARGIN_MM
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def _draw(
    axes: Axes,
    panel: RibbonPanel,
    window: tuple[float, float, float, float],
    scale: Normalize,
    highlight: str | None,
    width_pt: float,
) -> None:
    bare(axes)
    top, bottom, left, right = window
    first = np.maximum(np.floor(np.array([top, left]) / panel.spacing_um).astype(int), 0)
    last = np.ceil(np.array([bottom, right]) / panel.spacing_um).astype(int)
    factor = max(1, round((right - left) / panel.spacing_um / _SHOWN_PX))
    image = averaged(panel.image[first[0] : last[0], first[1] : last[1]], factor)
    pale = 0.5 + 0.5 * image / 255.0  # grey tissue leaves the strong colours to the score
    row_um, col_um = first * panel.spacing_um
    size_um = np.array(image.shape) * factor * panel.spacing_um
    extent = (col_um, col_um + size_um[1], row_um + size_um[0], row_um)
    axes.imshow(pale, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="antialiased")
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    point_um = (right - left) / width_pt
    colours = SCORES(scale(np.nan_to_num(panel.score)))
    colours[~np.isfinite(panel.score)] = to_rgba(_UNKNOWN)
    # a tenth longer at both ends: lines that only touch show light between them
    along = 0.1 * (panel.gap_um[:, 1] - panel.gap_um[:, 0])
    lines = list(np.stack([panel.gap_um[:, 0] - along, panel.gap_um[:, 1] + along], axis=1)[:, :, ::-1])
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=1000 * _RIBBON_MM / point_um, capstyle="butt"))
    _marks(axes, panel, highlight)


def _marks(axes: Axes, panel: RibbonPanel, highlight: str | None) -> None:
    for line, name in zip(panel.true_um, panel.true_names, strict=True):
        ends = _lengthened(line, _BEYOND_MM * 1000)
        strong = name == highlight
        axes.plot(ends[:, 1], ends[:, 0], color=INK, linewidth=1.7 if strong else 0.8, solid_capstyle="butt")
    below = np.array([_lengthened(line, _DOT_MM * 1000)[1] for line in panel.found_um]).reshape(-1, 2)
    axes.scatter(below[:, 1], below[:, 0], s=13, color=BLUE, edgecolors="white", linewidths=0.5, zorder=4)


def _lengthened(line: Float[np.ndarray, "2 2"], by: float) -> Float[np.ndarray, "2 2"]:
    along = line[1] - line[0]
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    return np.stack([line[0] - by * along, line[1] + by * along])


def _colour_scale(figure: Figure, scale: Normalize, label: str, height: float) -> None:
    bar = figure.add_axes((0.012, 0.34 / height, 0.30, 0.10 / height))
    figure.colorbar(ScalarMappable(norm=scale, cmap=SCORES), cax=bar, orientation="horizontal", extend="both")
    bar.tick_params(labelsize=7.5, length=2, pad=2)
    bar.set_title(label, fontsize=8, fontweight="normal", color=MUTED, loc="left", pad=3)


def _legend(figure: Figure, panels: Sequence[RibbonPanel], highlight: str | None) -> None:
    names = {name for panel in panels for name in panel.true_names}
    handles: list[Line2D] = []
    if highlight in names:
        handles.append(Line2D([], [], color=INK, linewidth=1.7, label=f"true border {highlight}"))
    if names - {highlight}:
        handles.append(Line2D([], [], color=INK, linewidth=0.8, label="other true border"))
    if any(len(panel.found_um) for panel in panels):
        handles.append(Line2D([], [], marker="o", linestyle="", markersize=4, color=BLUE, label="border found"))
    if handles:
        figure.legend(handles=handles, loc="lower right", ncols=len(handles), borderaxespad=0.6)
