"""Figures of the paper's table: Dice by area with intervals, differences as a forest, confusions by distance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from gennari.report.style import BLUE, GREY, INK, MUTED, ORANGE, styled


@dataclass(frozen=True, kw_only=True)
class ForestPanel:
    """One column of a forest plot.

    Attributes:
        title: above it.
        value_label: what is differed, with its unit.
        values: (n, 3) value, low and high of each row; NaN where nothing is known.
        printed: (n,) the paper's number for each row; NaN where it prints none.
    """

    title: str
    value_label: str
    values: Float[np.ndarray, "n 3"]
    printed: Float[np.ndarray, "n"] | None = None


@styled
def dice_with_intervals(areas: Sequence[str], series: Mapping[str, Float[np.ndarray, "n 3"]]) -> Figure:
    """Dice of each area as a dot on its interval, the methods beside each other.

    Args:
        areas: names, from top to bottom.
        series: (value, low, high) by area for each method; NaN for an area that occurs nowhere.
    """
    figure = Figure(figsize=(11, 0.36 * len(areas) + 1.1), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(areas))
    for k, ((name, values), colour) in enumerate(zip(series.items(), (ORANGE, BLUE, GREY), strict=False)):
        if len(values) != len(areas):
            raise ValueError(f"series '{name}' needs one Dice for each of {len(areas)} areas, got {len(values)}")
        at = places + 0.26 * (k - (len(series) - 1) / 2)
        axes.hlines(at, values[:, 1], values[:, 2], color=colour, linewidth=2, alpha=0.55)
        axes.plot(values[:, 0], at, "o", color=colour, markersize=5.5, label=name)
    axes.axvline(0.7, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_yticks(places, areas)
    axes.set_ylim(len(areas) - 0.4, -0.6)
    axes.set_xlim(0, 1.01)
    axes.set_xlabel("Dice (0 no overlap, 1 identical), interval over brains, sections and seeds")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=len(series))
    return figure


@styled
def forest(names: Sequence[str], panels: Sequence[ForestPanel], first_control: int | None = None) -> Figure:
    """Differences with their intervals, one line a row; those whose interval excludes 0 stand out.

    A row of which a panel knows nothing has a dash there.

    Args:
        names: of the rows, from top to bottom.
        panels: beside each other.
        first_control: a line is drawn above this row.
    """
    figure = Figure(figsize=(11, 0.32 * len(names) + 1.3), layout="constrained")
    columns = figure.subplots(1, len(panels), squeeze=False)[0]
    for column, (axes, panel) in enumerate(zip(columns, panels, strict=True)):
        _forest_panel(axes, panel, names)
        axes.set_yticks(range(len(names)), names if column == 0 else [""] * len(names))
        if first_control is not None and 0 < first_control < len(names):
            axes.axhline(first_control - 0.5, color=MUTED, linewidth=0.7)
    if any(panel.printed is not None for panel in panels):
        figure.legend(*columns[0].get_legend_handles_labels(), loc="outside lower right")
    return figure


@styled
def confused_by_distance_figure(
    bins: Sequence[str], series: Mapping[str, Sequence[float]], no_area: Mapping[str, float]
) -> Figure:
    """Share of the areas' pixels given another area, by how far that lies; near ones on a scale of their own.

    Args:
        bins: names of the bins of distance; the first holds areas that touch.
        series: shares by bin for each method.
        no_area: share given tissue or other cortex for each method.
    """
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    near, far = figure.subplots(1, 2, width_ratios=(2, max(len(bins) - 1, 1)))
    _grouped(
        near, ["tissue, other cortex", bins[0]], {name: [no_area[name], values[0]] for name, values in series.items()}
    )
    _grouped(far, bins[1:], {name: values[1:] for name, values in series.items()})
    near.set(ylabel="of the areas' pixels", title="Given no area, or one that touches")
    far.set(title="Given an area farther off", xlabel="distance of the true and the given area along the surface")
    figure.legend(*near.get_legend_handles_labels(), loc="outside upper left", ncols=len(series))
    return figure


def _forest_panel(axes: Axes, panel: ForestPanel, names: Sequence[str]) -> None:
    if len(panel.values) != len(names):
        raise ValueError(f"panel '{panel.title}' needs one difference for each of {len(names)} rows")
    axes.axvline(0, color=INK, linewidth=0.8)
    for place, (value, low, high) in enumerate(panel.values):
        if np.isnan(value):
            axes.text(0.02, place, "–", transform=axes.get_yaxis_transform(), va="center", fontsize=7, color=MUTED)
            continue
        colour = BLUE if low > 0 or high < 0 else GREY
        axes.hlines(place, low, high, color=colour, linewidth=2)
        axes.plot(value, place, "o", color=colour, markersize=5.5)
    if panel.printed is not None:
        axes.plot(
            panel.printed, np.arange(len(names)), "D", markerfacecolor="none", markeredgecolor=ORANGE, markersize=6,
            label="the paper's difference",
        )  # fmt: skip
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set(title=panel.title, xlabel=panel.value_label)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def _grouped(axes: Axes, groups: Sequence[str], series: Mapping[str, Sequence[float]]) -> None:
    thick = 0.8 / max(len(series), 1)
    for k, ((name, values), colour) in enumerate(zip(series.items(), (ORANGE, BLUE, GREY), strict=False)):
        at = np.arange(len(groups)) - 0.4 + (k + 0.5) * thick
        axes.bar(at, values, width=thick * 0.92, color=colour, label=name)
        for place, value in zip(at, values, strict=True):
            axes.text(place, value, f"{100 * value:.1f}", ha="center", va="bottom", fontsize=7, color=MUTED)
    axes.set_xticks(range(len(groups)), groups)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    axes.margins(y=0.12)
