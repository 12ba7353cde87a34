"""The figure of a comparison: Dice against the number of annotated sections, one line an objective."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from gennari.report.style import BLUE, GREEN, GREY, INK, MUTED, ORANGE, PURPLE, SKY, VERMILION, styled

_COLOURS = (GREY, ORANGE, BLUE, GREEN, PURPLE, VERMILION, SKY, INK)


@dataclass(frozen=True, kw_only=True)
class LabelCurve:
    """One line of the figure.

    Attributes:
        sections: (k,) numbers of annotated sections.
        values: (k, 3) value, low and high.
        dashed: for what is no objective of its own (another encoder, say).
        seeds: (k,) of training that each value is a mean of; none: as many for all.
    """

    label: str
    sections: Sequence[int]
    values: Float[np.ndarray, "k 3"]
    dashed: bool = False
    seeds: Sequence[int] = ()


@styled
def labels_figure(panels: Mapping[str, Sequence[LabelCurve]], value_label: str) -> Figure:
    """Curves over numbers of annotated sections on a logarithmic axis, with bands for their intervals.

    A mean of fewer seeds than others of the figure is a hollow point, so that a line between two such means is not
    taken for a trend.

    Args:
        panels: curves by title; a curve's label has one colour in all of them.
        value_label: of the vertical axis.

    Raises:
        ValueError: a curve has not one value, or not one number of seeds, for each number of sections.
    """
    figure = Figure(figsize=(5.4 * len(panels) + 1.6, 4.4), layout="constrained")
    columns = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    labels = list(dict.fromkeys(curve.label for curves in panels.values() for curve in curves))
    colours = {label: _COLOURS[index % len(_COLOURS)] for index, label in enumerate(labels)}
    seeds = [number for curves in panels.values() for curve in curves for number in curve.seeds]
    most = max(seeds, default=0)
    for axes, (title, curves) in zip(columns, panels.items(), strict=True):
        _panel(axes, curves, colours, most)
        axes.set_title(title)
    columns[0].set_ylabel(value_label)
    handles = {label: line for axes in columns for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    if any(number < most for number in seeds):
        hollow = Line2D([], [], marker="o", linestyle="", markerfacecolor="white", markeredgecolor=MUTED)
        handles["hollow: fewer seeds"] = hollow
    figure.legend(list(handles.values()), list(handles), loc="outside right upper")
    return figure


def _panel(axes: Axes, curves: Sequence[LabelCurve], colours: Mapping[str, str], most: int) -> None:
    ticks = sorted({number for curve in curves for number in curve.sections})
    spread = np.linspace(-0.5, 0.5, max(len(curves), 2)) * 0.06  # so that intervals at one place can be told apart
    for curve, shift in zip(curves, spread, strict=False):
        _check(curve)
        order = np.argsort(curve.sections)
        at = np.asarray(curve.sections, float)[order] * 10**shift
        value, low, high = np.asarray(curve.values, float)[order].T
        colour = colours[curve.label]
        axes.fill_between(at, low, high, color=colour, alpha=0.10, linewidth=0)
        axes.vlines(at, low, high, color=colour, alpha=0.6, linewidth=1)
        axes.plot(at, value, "--o" if curve.dashed else "-o", color=colour, markersize=4.5, label=curve.label)
        fewer = np.array([bool(curve.seeds) and curve.seeds[index] < most for index in order])
        if fewer.any():
            axes.scatter(at[fewer], value[fewer], s=24, facecolor="white", edgecolor=colour, zorder=3)
    axes.set_xscale("log")
    axes.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.25)  # a single number of sections stays one place, not the whole axis
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(number) for number in ticks])
    axes.set_xlabel("annotated sections learned from")
    axes.grid(axis="y")
    axes.tick_params(colors=MUTED)


def _check(curve: LabelCurve) -> None:
    for what, given in (("value", curve.values), ("number of seeds", curve.seeds)):
        if len(given) != len(curve.sections) and (what == "value" or len(given)):
            raise ValueError(
                f"curve '{curve.label}' needs one {what} for each of {len(curve.sections)} numbers of sections, got "
                f"{len(given)}"
            )
