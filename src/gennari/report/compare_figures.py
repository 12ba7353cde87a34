"""The figure of a comparison: Dice against the number of annotated sections, one line an objective."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
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
    """

    label: str
    sections: Sequence[int]
    values: Float[np.ndarray, "k 3"]
    dashed: bool = False


@styled
def labels_figure(panels: Mapping[str, Sequence[LabelCurve]], value_label: str) -> Figure:
    """Curves over numbers of annotated sections on a logarithmic axis, with bands for their intervals.

    Args:
        panels: curves by title; a curve's label has one colour in all of them.
        value_label: of the vertical axis.

    Raises:
        ValueError: a curve has not one value for each number of sections.
    """
    figure = Figure(figsize=(5.4 * len(panels) + 1.6, 4.4), layout="constrained")
    columns = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    labels = list(dict.fromkeys(curve.label for curves in panels.values() for curve in curves))
    colours = {label: _COLOURS[index % len(_COLOURS)] for index, label in enumerate(labels)}
    for axes, (title, curves) in zip(columns, panels.items(), strict=True):
        _panel(axes, curves, colours)
        axes.set_title(title)
    columns[0].set_ylabel(value_label)
    handles = {label: line for axes in columns for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(handles.values()), list(handles), loc="outside right upper")
    return figure


def _panel(axes: Axes, curves: Sequence[LabelCurve], colours: Mapping[str, str]) -> None:
    ticks = sorted({number for curve in curves for number in curve.sections})
    spread = np.linspace(-0.5, 0.5, max(len(curves), 2)) * 0.06  # so that intervals at one place can be told apart
    for curve, shift in zip(curves, spread, strict=False):
        if len(curve.sections) != len(curve.values):
            raise ValueError(
                f"curve '{curve.label}' needs one value for each of {len(curve.sections)} numbers of sections, got "
                f"{len(curve.values)}"
            )
        order = np.argsort(curve.sections)
        at = np.asarray(curve.sections, float)[order] * 10**shift
        value, low, high = np.asarray(curve.values, float)[order].T
        colour = colours[curve.label]
        axes.fill_between(at, low, high, color=colour, alpha=0.10, linewidth=0)
        axes.vlines(at, low, high, color=colour, alpha=0.6, linewidth=1)
        axes.plot(at, value, "--o" if curve.dashed else "-o", color=colour, markersize=4.5, label=curve.label)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(number) for number in ticks])
    axes.set_xlabel("annotated sections learned from")
    axes.grid(axis="y")
    axes.tick_params(colors=MUTED)
