"""Figures of numbers: confusion, learning curves, Dice by area, distances, and where the sections of a split lie."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter

from gennari.report.style import BLUE, FAINT, GREEN, GREY, INK, MUTED, ORANGE, PURPLE, SKY, VERMILION, bare, styled

METHOD_COLOURS: Mapping[str, str] = {"atlas alone": GREY, "baseline": ORANGE, "pre-trained": BLUE}
"""One colour a method in all figures."""
_SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#cfe1f2", "#6aaed6", "#2070b4", "#08306b"])


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of a learning curve.

    Attributes:
        smooth: draw the values faintly and their running median over them, for noisy losses.
        colour: left out, that of the method with this label, or the next spare one.
    """

    label: str
    step: Float[np.ndarray, "n"] | Int[np.ndarray, "n"]
    value: Float[np.ndarray, "n"]
    smooth: bool = False
    colour: str | None = None


@dataclass(frozen=True, kw_only=True)
class CurvePanel:
    """One axes of the training figure.

    Attributes:
        value_label: with its unit, such as 'err_dist (mm)'.
        levels: horizontal dashed lines by name, such as the median predictor.
        events: vertical lines by name, such as the step from which the atlas is used.
        log: draw the values on a logarithmic axis.
    """

    title: str
    step_label: str
    value_label: str
    curves: Sequence[Curve]
    levels: Mapping[str, float | int] = field(default_factory=dict)
    events: Mapping[str, float | int] = field(default_factory=dict)
    log: bool = False


@styled
def confusion_figure(
    confusions: Mapping[str, Int[np.ndarray, "c c"]], names: Sequence[str], first_area: int | None = None
) -> Figure:
    """Confusion matrices side by side, rows (the truth) normalised to 100 % (Spitzer et al. 2018, Fig. 3).

    Args:
        confusions: by name, counts of [true, predicted].
        names: of the classes.
        first_area: a line is drawn before this class, between tissues and areas.
    """
    count, size = len(confusions), len(names)
    figure = Figure(figsize=(11, 11 / count * 0.90 + 0.8))
    grid = figure.add_gridspec(1, count, left=0.075, right=0.93, top=0.90, bottom=0.17, wspace=0.10)
    panels = [figure.add_subplot(grid[0, column]) for column in range(count)]
    for column, (panel, (title, counts)) in enumerate(zip(panels, confusions.items(), strict=True)):
        if counts.shape != (size, size):
            raise ValueError(f"confusion '{title}' must be {size} x {size} for {size} names, got {counts.shape}")
        share = _row_shares(counts)
        panel.imshow(share, cmap=_SHADES, vmin=0, vmax=1)
        panel.set_title(title)
        panel.set_xticks(range(size), names, rotation=90)
        panel.set_yticks(range(size), names if column == 0 else [""] * size)
        panel.tick_params(length=0, labelsize=min(8.0, 80 / size + 2.5))
        panel.set_xlabel("predicted")
        if column == 0:
            panel.set_ylabel("true")
        _lines_between(panel, size, first_area)
        _percentages(panel, share, fontsize=min(7.0, 200 / (size * count)))
    bar = figure.add_axes((0.945, 0.17, 0.012, 0.73))
    figure.colorbar(ScalarMappable(cmap=_SHADES), cax=bar, format=PercentFormatter(1.0, decimals=0))
    bar.set_title("of true", fontsize=7.5, fontweight="normal", color=MUTED, loc="left", pad=6)
    bar.tick_params(labelsize=7.5, length=2)
    return figure


@styled
def training_curves(panels: Sequence[CurvePanel], columns: int = 3) -> Figure:
    """Learning curves, one axes a panel. A curve still rising at its end is under-trained."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(11, 3.1 * rows), layout=ConstrainedLayoutEngine(wspace=0.06, hspace=0.08))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, drawn in zip(panels, axes, strict=False):
        _curves(drawn, panel)
    for unused in axes[len(panels) :]:
        bare(unused)
    return figure


@styled
def dice_by_area(
    names: Sequence[str], series: Mapping[str, Float[np.ndarray, "n"]], colours: Mapping[str, str] | None = None
) -> Figure:
    """Dice of each area as horizontal bars, and the mean over areas last.

    Args:
        names: of the areas.
        series: Dice by area for each method; NaN (an area that does not occur) is left out of the bars and the mean.
        colours: by method name; those left out take the method's own or a spare one.
    """
    taken = dict(zip(series, _colours(list(series)), strict=True)) | dict(colours or {})
    figure = Figure(figsize=(11, 0.115 * (len(names) + 1) * (len(series) + 0.4) + 1.0), layout="constrained")
    axes = figure.subplots()
    places = np.append(np.arange(len(names)), len(names) + 0.5)
    thick = 0.78 / max(len(series), 1)
    for k, (name, values) in enumerate(series.items()):
        if len(values) != len(names):
            raise ValueError(f"series '{name}' needs one Dice for each of {len(names)} areas, got {len(values)}")
        known = np.isfinite(values)
        mean = values[known].mean() if known.any() else np.nan
        lengths = np.append(values, mean)
        shown = np.nan_to_num(lengths)
        at = places - 0.39 + (k + 0.5) * thick
        axes.barh(at, shown, height=thick * 0.92, color=taken[name], label=f"{name} (mean {mean:.2f})")
        for place, value in zip(at, lengths, strict=True):
            label = f"{value:.2f}" if np.isfinite(value) else "not there"
            axes.text(np.nan_to_num(value) + 0.006, place, label, va="center", fontsize=6.8, color=MUTED)
    axes.set_yticks(places, [*names, "mean"])
    axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.axhline(len(names) - 0.25, color=MUTED, linewidth=0.7)
    axes.set_ylim(len(names) + 1.0, -0.55)
    axes.set_xlim(0, 1.04)
    axes.set_xlabel("Dice (0 no overlap, 1 identical)")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=len(series))
    return figure


@styled
def distance_figure(
    true_mm: Float[np.ndarray, "n"], predicted_mm: Float[np.ndarray, "n"], err_dist_mm: float, trivial_mm: float
) -> Figure:
    """Predicted against true geodesic distance of held-out pairs, and the error by distance."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    limit = float(max(true_mm.max(), np.percentile(predicted_mm, 99.5))) * 1.03
    left.hexbin(true_mm, predicted_mm, gridsize=55, extent=(0, limit, 0, limit), cmap=_SHADES, mincnt=1, bins="log")
    left.plot((0, limit), (0, limit), color=ORANGE, linewidth=1.4)
    left.set(xlim=(0, limit), ylim=(0, limit), aspect="equal")
    left.set(xlabel="true distance (mm)", ylabel="predicted distance (mm)", title="Held-out pairs")
    edges = np.quantile(true_mm, np.linspace(0, 1, 11))
    group = np.clip(np.searchsorted(edges, true_mm, side="right") - 1, 0, 9)
    used = np.unique(group)
    error = np.abs(predicted_mm - true_mm)
    trivial = np.abs(np.median(true_mm) - true_mm)
    middle = [float(true_mm[group == g].mean()) for g in used]
    right.plot(middle, [trivial[group == g].mean() for g in used], color=GREY, marker="o", markersize=4)
    right.plot(middle, [error[group == g].mean() for g in used], color=BLUE, marker="o", markersize=4)
    right.set(xlabel="true distance (mm), tenths of the pairs", ylabel="mean error (mm)", title="Error by distance")
    right.legend(right.lines, [f"median predictor ({trivial_mm:.1f} mm)", f"network ({err_dist_mm:.1f} mm)"])
    right.set_ylim(bottom=0)
    right.grid()
    return figure


def _row_shares(counts: Int[np.ndarray, "c c"]) -> Float[np.ndarray, "c c"]:
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)


def _lines_between(axes: Axes, size: int, first_area: int | None) -> None:
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=FAINT, linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if first_area:
        axes.axhline(first_area - 0.5, color=MUTED, linewidth=1)
        axes.axvline(first_area - 0.5, color=MUTED, linewidth=1)


def _percentages(axes: Axes, share: Float[np.ndarray, "c c"], fontsize: float) -> None:
    for row, col in np.argwhere(np.nan_to_num(share) >= 0.05):
        colour = "white" if share[row, col] > 0.55 else INK
        text = f"{100 * share[row, col]:.0f}"
        axes.text(col, row, text, ha="center", va="center", fontsize=fontsize, color=colour)


def _colours(labels: Sequence[str]) -> list[str]:
    spare = (colour for colour in itertools.cycle((GREEN, PURPLE, VERMILION, SKY)))
    return [METHOD_COLOURS.get(label) or next(spare) for label in labels]


def _curves(axes: Axes, panel: CurvePanel) -> None:
    colours = _colours([curve.label for curve in panel.curves])
    for curve, taken in zip(panel.curves, colours, strict=True):
        colour = curve.colour or taken
        if curve.smooth:
            axes.plot(curve.step, curve.value, color=colour, linewidth=0.6, alpha=0.25)
        values = _running_median(curve.value) if curve.smooth else curve.value
        marker = "o" if len(values) < 20 else ""
        axes.plot(curve.step, values, color=colour, label=curve.label, marker=marker, markersize=3.5)
    for name, level in panel.levels.items():
        axes.axhline(level, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)), label=name)
    for name, step in panel.events.items():
        axes.axvline(step, color=MUTED, linewidth=0.8, linestyle=":")
        axes.annotate(
            name, (step, 1), (3, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
            fontsize=7.5, color=MUTED, va="top",
        )  # fmt: skip
    axes.set(title=panel.title, xlabel=panel.step_label, ylabel=panel.value_label)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if panel.log:
        axes.set_yscale("log")
    elif any((curve.value >= 0).all() for curve in panel.curves):
        axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()


def _running_median(values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Median over a window of a fifteenth of the curve, shortened at its ends."""
    half = max(1, len(values) // 30)
    return np.array([np.median(values[max(0, k - half) : k + half + 1]) for k in range(len(values))])
