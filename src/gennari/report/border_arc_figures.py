"""One piece of ribbon laid flat: the score along its arc with the classical one, and what else could explain a peak."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETDOWN
from matplotlib.patches import Rectangle
from matplotlib.transforms import blended_transform_factory

from gennari.report.style import BLUE, FAINT, GREY, INK, MUTED, ORANGE, PURPLE, SKY, rgb, styled

_TRACES = (BLUE, ORANGE, PURPLE, SKY)
_HEIGHTS = {"image": 1.25, "areas": 0.24, "trace": 1.15, "strip": 0.52}  # inches
_APART_IN = 0.11
_TITLE_IN, _AXIS_IN = 0.62, 0.36
_NAMED_SHARE = 0.045  # of the width: shorter stretches of an area have no room for their name
_LETTER_SHARE = 0.0062  # of the width, in a border's name


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of the arc that lies in one area."""

    begin_mm: float
    end_mm: float
    name: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A score along the arc.

    Attributes:
        label: with its unit.
        value: of each gap; NaN where there is none.
        threshold: above which a peak counts, as one number or one a gap; None where there is none.
        found_mm: where borders were accepted by it.
        log: draw it on a logarithmic axis.
    """

    label: str
    value: Float[np.ndarray, "g"]
    threshold: float | Float[np.ndarray, "g"] | None = None
    found_mm: Sequence[float] = ()
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class Strip:
    """What else is known along the arc, such as curvature.

    Attributes:
        label: with its unit.
        value: of each gap.
        levels: that count as high, drawn as lines.
    """

    label: str
    value: Float[np.ndarray, "g"]
    levels: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True)
class ArcPanel:
    """One piece of ribbon, all along one axis of arc length.

    Attributes:
        title: such as 'brain P, section 1345, left'.
        flat: grey values, pia above, on an even grid over the whole of `flat_mm`; NaN where the ribbon ends.
        flat_mm: arc at the outer edges of the first and of the last column.
        gap_mm: arc of each gap, increasing.
        traces: from top to bottom.
        strips: under the traces.
        stretches: areas along the arc, where they are known.
        borders: (arc in mm, name) of each true border.
    """

    title: str
    flat: Float[np.ndarray, "d a"]
    flat_mm: tuple[float, float]
    gap_mm: Float[np.ndarray, "g"]
    traces: Sequence[Trace]
    strips: Sequence[Strip] = ()
    stretches: Sequence[Stretch] = ()
    borders: Sequence[tuple[float, str]] = ()

    def __post_init__(self) -> None:
        for series in (*self.traces, *self.strips):
            if len(series.value) != len(self.gap_mm):
                raise ValueError(
                    f"'{series.label}' needs one value for each of {len(self.gap_mm)} gaps of the arc, "
                    f"got {len(series.value)}"
                )
        if not (np.diff(self.gap_mm) > 0).all():
            raise ValueError("gaps must lie in the order of their arc; sort them first")


@styled
def arc_figure(panel: ArcPanel, range_mm: tuple[float, float] | None = None, thickness_mm: float = 2.5) -> Figure:
    """The unrolled cortex, scores under it, confounds under these, all on one axis of arc length.

    Args:
        panel: one piece of ribbon.
        range_mm: the part of the arc to show; None shows all.
        thickness_mm: of the cortex, for saying how far its image is stretched.
    """
    begin, end = range_mm or panel.flat_mm
    kinds = ["image", *(["areas"] if panel.stretches else []), *["trace"] * len(panel.traces)]
    kinds += ["strip"] * len(panel.strips)
    inches = [_HEIGHTS[kind] for kind in kinds]
    width, left, right = 11.0, 0.095, 0.985
    total = sum(inches) + _APART_IN * len(inches) + _TITLE_IN + _AXIS_IN
    figure = Figure(figsize=(width, total))
    top, rows = total - _TITLE_IN, []
    for height in inches:
        rows.append(figure.add_axes((left, (top - height) / total, right - left, height / total)))
        top -= height + _APART_IN
    lower = iter(rows)
    stretch = (_HEIGHTS["image"] / thickness_mm) / (width * (right - left) / (end - begin))
    _flat(next(lower), panel, stretch)
    if panel.stretches:
        _areas(next(lower), panel, begin, end)
    for trace, colour in zip(panel.traces, _TRACES, strict=False):
        _trace(next(lower), panel, trace, colour, (begin, end))
    for strip in panel.strips:
        _strip(next(lower), panel.gap_mm, strip)
    for axes in rows:
        axes.set_xlim(begin, end)
        if axes is not rows[-1]:
            axes.tick_params(labelbottom=False, length=0, axis="x")
        for place, _ in panel.borders:
            axes.axvline(place, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1.5)
    rows[-1].set_xlabel("arc length along mid cortex (mm)")
    _border_names(rows[0], panel, (begin, end))
    figure.text(0.006, 1 - 0.06 / total, panel.title, fontsize=10, fontweight="bold", va="top")
    _legend(figure, panel)
    return figure


def _flat(axes: Axes, panel: ArcPanel, stretch: float) -> None:
    axes.set_facecolor("#f4f5f7")
    axes.imshow(
        panel.flat, cmap="gray", vmin=0, vmax=255, extent=(*panel.flat_mm, 1, 0), aspect="auto",
        interpolation="antialiased",
    )  # fmt: skip
    axes.set_yticks((0, 1), ("pia", "white"))
    axes.set_ylabel(f"depth\n(× {stretch:.0f})" if stretch >= 1.5 else "depth", color=MUTED)


def _areas(axes: Axes, panel: ArcPanel, begin: float, end: float) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_ylabel("area", rotation=0, ha="right", va="center", color=MUTED)
    for stretch in panel.stretches:
        low, high = max(stretch.begin_mm, begin), min(stretch.end_mm, end)
        if low >= high:
            continue
        axes.add_patch(Rectangle((low, 0), high - low, 1, color=stretch.colour, linewidth=0))
        if high - low >= _NAMED_SHARE * (end - begin):
            dark = rgb(stretch.colour) @ (0.30, 0.59, 0.11) < 0.45
            ink = "white" if dark else INK
            axes.text((low + high) / 2, 0.46, stretch.name, fontsize=7.5, ha="center", va="center", color=ink)


def _trace(axes: Axes, panel: ArcPanel, trace: Trace, colour: str, shown: tuple[float, float]) -> None:
    inside = trace.value[(panel.gap_mm >= shown[0]) & (panel.gap_mm <= shown[1])]
    inside = inside[np.isfinite(inside) & (inside > 0)]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
    low = low if trace.log else 0.0
    axes.fill_between(panel.gap_mm, trace.value, low, color=colour, alpha=0.16, linewidth=0)
    axes.plot(panel.gap_mm, trace.value, color=colour, linewidth=1.4)
    axes.set_ylabel(trace.label, fontsize=8)
    if trace.threshold is not None:
        level = np.broadcast_to(np.asarray(trace.threshold, float), panel.gap_mm.shape)
        axes.plot(panel.gap_mm, level, color=GREY, linewidth=1.1, linestyle=":")
    if trace.log:
        axes.set_yscale("log")
    top = high * (high / low) ** 0.22 if trace.log else high * 1.22
    axes.set_ylim(low, top)
    heights = np.interp(np.asarray(trace.found_mm, float), panel.gap_mm, np.nan_to_num(trace.value))
    axes.plot(
        trace.found_mm, heights, linestyle="", marker=CARETDOWN, markersize=6.5, color=colour, markeredgewidth=0,
        zorder=3,
    )  # fmt: skip
    axes.grid(axis="y")


def _strip(axes: Axes, gap_mm: Float[np.ndarray, "g"], strip: Strip) -> None:
    axes.fill_between(gap_mm, strip.value, color=GREY, alpha=0.25, linewidth=0)
    axes.plot(gap_mm, strip.value, color=MUTED, linewidth=0.9)
    for level in strip.levels:
        axes.axhline(level, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylabel(strip.label, fontsize=7.5, rotation=0, ha="right", va="center", color=MUTED)
    axes.tick_params(axis="y", labelsize=7)
    axes.locator_params(axis="y", nbins=3)
    axes.axhline(0, color=FAINT, linewidth=0.7, zorder=0)


def _border_names(axes: Axes, panel: ArcPanel, shown: tuple[float, float]) -> None:
    """Names above the image, on two lines by turns; one that would run into its neighbour is left out."""
    where = blended_transform_factory(axes.transData, axes.transAxes)
    ends = [-np.inf, -np.inf]
    for place, name in sorted(border for border in panel.borders if shown[0] <= border[0] <= shown[1]):
        half = _LETTER_SHARE * (len(name) + 1) / 2 * (shown[1] - shown[0])
        middle = min(max(place, shown[0] + half), shown[1] - half)
        for line in (0, 1):
            if middle - half > ends[line]:
                axes.text(
                    middle, 1.04 + 0.14 * line, name, transform=where, fontsize=7.5, ha="center", va="bottom", color=INK
                )
                ends[line] = middle + half
                break


def _legend(figure: Figure, panel: ArcPanel) -> None:
    handles: list[Line2D] = []
    if panel.borders:
        handles.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (4, 2)), label="true border"))
    if any(trace.threshold is not None for trace in panel.traces):
        handles.append(Line2D([], [], color=GREY, linewidth=1.1, linestyle=":", label="threshold"))
    if any(len(trace.found_mm) for trace in panel.traces):
        handles.append(Line2D([], [], color=MUTED, marker="v", linestyle="", markersize=5, label="border found"))
    if handles:
        figure.legend(handles=handles, loc="upper right", ncols=len(handles), borderaxespad=0.2)
