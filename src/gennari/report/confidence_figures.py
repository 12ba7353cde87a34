"""Figures of confidence: reliability diagrams, and Dice against coverage."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from gennari.report.style import BLUE, GREY, MUTED, ORANGE, styled

_COLOURS = (ORANGE, BLUE)


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """A reliability diagram; NaN where a bin is empty."""

    confidence: Float[np.ndarray, "b"]
    accuracy: Float[np.ndarray, "b"]
    counts: Int[np.ndarray, "b"]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Dice of what is kept, by how much that is; NaN where no area is left."""

    coverage: Float[np.ndarray, "k"]
    dice: Float[np.ndarray, "k"]


@styled
def reliability_figure(diagrams: Mapping[str, Mapping[str, Diagram]]) -> Figure:
    """How often what is said with some confidence is right; below, how often it is said.

    Args:
        diagrams: by network, then by what was done to its probabilities, such as "before" and "after" ("" for nothing);
            all but the last are drawn dashed.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    above, below = figure.subplots(2, len(diagrams), height_ratios=(3, 1), sharex=True, squeeze=False)
    for (title, shown), colour, axes, bars in zip(diagrams.items(), _COLOURS, above, below, strict=False):
        axes.plot((0, 1), (0, 1), color=GREY, linewidth=1, label="as it should be")
        for place, (name, diagram) in enumerate(shown.items(), start=1):
            full = np.isfinite(diagram.confidence)
            last = place == len(shown)
            axes.plot(
                diagram.confidence[full], diagram.accuracy[full], color=colour, marker="o", markersize=3.5,
                linestyle="-" if last else "--", alpha=1 if last else 0.6, label=name or "the network",
            )  # fmt: skip
            edges = np.linspace(0, 1, len(diagram.counts) + 1)
            share = diagram.counts / max(diagram.counts.sum(), 1)
            bars.stairs(share, edges, color=colour, linestyle="-" if last else "--", fill=last, alpha=0.5)
        axes.set(title=title, ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
        bars.set(xlabel="confidence", ylabel="of pixels")
        bars.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid()
        axes.legend(loc="upper left")
    return figure


@styled
def coverage_figure(panels: Mapping[str, Mapping[str, Coverage]]) -> Figure:
    """Dice over areas of what is kept, from all pixels on the left to ever fewer.

    Args:
        panels: by what pixels are chosen by, then by network.
    """
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    (row,) = figure.subplots(1, len(panels), sharey=True, squeeze=False)
    for (title, curves), axes in zip(panels.items(), row, strict=True):
        for (name, curve), colour in zip(curves.items(), _COLOURS, strict=False):
            axes.plot(curve.coverage, curve.dice, color=colour, marker="o", markersize=3.5, label=name)
            axes.axhline(curve.dice[0], color=colour, linewidth=0.8, linestyle=":")
        axes.set(title=f"by {title}", xlabel="kept, of the ribbon's pixels", xlim=(1.02, 0), ylim=(0, 1))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid()
        axes.legend(loc="lower left")
    row[0].set_ylabel("Dice over areas")
    row[-1].annotate(
        "dotted: nothing set aside", (1, 0), (0, 4), xycoords="axes fraction", textcoords="offset points", ha="right",
        color=MUTED, fontsize=7.5,
    )  # fmt: skip
    return figure
