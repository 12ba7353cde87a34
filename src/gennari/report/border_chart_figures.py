"""Figures of numbers about borders: scores against controls, pairs of areas, checkpoints, what explains the peaks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from gennari.report.style import BLUE, FAINT, GREY, INK, MUTED, ORANGE, SKY, styled

_SHADES = ("#9ccbe8", "#2f8fc6", "#084a75")


@dataclass(frozen=True, kw_only=True)
class ScorePanel:
    """One figure of all methods, a column of the comparison.

    Attributes:
        value_label: with its unit.
        values: (n, 3) value, low and high of each method; NaN where there is nothing to measure.
        levels: dashed lines by name, such as chance or the goal.
    """

    title: str
    value_label: str
    values: Float[np.ndarray, "n 3"]
    levels: Mapping[str, float]


@styled
def methods_figure(names: Sequence[str], panels: Sequence[ScorePanel]) -> Figure:
    """Our score, first, above every control, on its interval; the band behind the controls is our interval.

    Args:
        names: of the methods, ours first.
        panels: beside each other.

    Raises:
        ValueError: a panel holds other methods.
    """
    figure = Figure(figsize=(11, 0.30 * len(names) + 1.25), layout="constrained")
    for column, (axes, panel) in enumerate(zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True)):
        if len(panel.values) != len(names):
            raise ValueError(f"panel '{panel.title}' needs a value for each of {len(names)} methods")
        low, high = panel.values[0, 1:]
        axes.axvspan(low, high, color=BLUE, alpha=0.10, linewidth=0)
        for place, value in enumerate(panel.values):
            _dot(axes, place, value, BLUE if place == 0 else GREY)
        for name, level in panel.levels.items():
            axes.axvline(level, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
            axes.text(
                level, 1.0, f" {name}", transform=axes.get_xaxis_transform(), fontsize=7, color=MUTED, va="bottom",
                ha="center",
            )  # fmt: skip
        axes.axhline(0.5, color=MUTED, linewidth=0.7)
        axes.set_yticks(range(len(names)), names if column == 0 else [""] * len(names))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel(panel.value_label)
        axes.set_title(panel.title, pad=14)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        if column == 0:
            axes.get_yticklabels()[0].set_fontweight("bold")
    return figure


@styled
def pairs_figure(
    pairs: Sequence[str],
    counts: Int[np.ndarray, "k"],
    measures: Mapping[str, Float[np.ndarray, "k t"]],
    tolerances_mm: Sequence[float | int],
) -> Figure:
    """Measures of each pair of areas at several tolerances, the pairs one under another.

    Args:
        pairs: names, from top to bottom.
        counts: true borders of each pair.
        measures: by name, values of 0..1; NaN where there is nothing to measure.
        tolerances_mm: at most three, the smallest first.
    """
    figure = Figure(figsize=(11, 0.27 * len(pairs) + 1.2), layout="constrained")
    places = np.arange(len(pairs))
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for column, (axes, (name, values)) in enumerate(zip(panels, measures.items(), strict=True)):
        if values.shape != (len(pairs), len(tolerances_mm)):
            raise ValueError(
                f"'{name}' needs {len(tolerances_mm)} values for each of {len(pairs)} pairs, got {values.shape}"
            )
        axes.hlines(places, 0, 1, color=FAINT, linewidth=0.7, zorder=0)
        for k, tolerance in enumerate(tolerances_mm):
            label = f"within {tolerance:g} mm"
            axes.plot(values[:, k], places, "o", color=_SHADES[k - len(tolerances_mm)], markersize=6 - k, label=label)
        for place in places[np.isnan(values).all(axis=1)]:
            axes.text(0.02, place, "not measured", fontsize=7, color=MUTED, va="center")
        labels = [f"{pair}  ({count})" for pair, count in zip(pairs, counts, strict=True)]
        axes.set_yticks(places, labels if column == 0 else [""] * len(pairs))
        axes.set_ylim(len(pairs) - 0.4, -0.6)
        axes.set_xlim(-0.03, 1.03)
        axes.set_title(name)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right", ncols=len(tolerances_mm))
    return figure


@styled
def checkpoints_figure(
    steps: Int[np.ndarray, "n"],
    err_dist_mm: Float[np.ndarray, "n"],
    series: Mapping[str, Float[np.ndarray, "n 3"]],
    untrained: Mapping[str, float] | None = None,
) -> Figure:
    """AUROC of borders against the error of predicted distances, for weights kept on the way.

    Args:
        steps: of training, at each checkpoint, written at its dot.
        err_dist_mm: mean error on held-out pairs.
        series: by name, (value, low, high) of the AUROC.
        untrained: by the same names, the AUROC of random weights, as a level; NaN where it is not known.
    """
    figure = Figure(figsize=(11, 3.5), layout="constrained")
    panels = figure.subplots(1, len(series), squeeze=False, sharey=True)[0]
    order = np.argsort(steps)
    for axes, (name, values) in zip(panels, series.items(), strict=True):
        value, low, high = values[order].T
        error, at = err_dist_mm[order], steps[order]
        axes.vlines(error, low, high, color=BLUE, linewidth=2, alpha=0.35)
        axes.plot(error, value, color=BLUE, linewidth=1.0, alpha=0.6)
        axes.scatter(error, value, c=np.arange(len(at)), cmap="Blues", vmin=-len(at), vmax=len(at), s=34, zorder=3)
        for place, (step, x, y) in enumerate(zip(at, error, value, strict=True)):
            # by turns above and below: the last checkpoints lie close together
            axes.annotate(
                f"{step:,}", (x, y), (5, -11 if place % 2 else 4), textcoords="offset points", fontsize=7, color=MUTED
            )
        if untrained is not None and np.isfinite(untrained[name]):
            axes.axhline(untrained[name], color=GREY, linewidth=1.1, linestyle=(0, (4, 2)))
            axes.annotate(
                "untrained", (1, untrained[name]), (-3, 3), xycoords=("axes fraction", "data"), ha="right",
                textcoords="offset points", fontsize=7.5, color=MUTED,
            )  # fmt: skip
        axes.margins(x=0.08, y=0.12)
        axes.invert_xaxis()
        axes.set(title=name, xlabel="err_dist on held-out pairs (mm): better to the right", ylabel="AUROC")
        axes.grid()
    return figure


@styled
def shares_figure(shares: Mapping[str, Mapping[str, tuple[float, float]]]) -> Figure:
    """What holds at the highest scores, and how often it holds by chance.

    Args:
        shares: for each score (at most three), by cause, the share of its top places where the cause holds, and the
            share of all places.
    """
    causes = list(next(iter(shares.values())))
    figure = Figure(figsize=(11, 0.34 * len(causes) * len(shares) + 1.1), layout="constrained")
    axes = figure.subplots()
    thick = 0.8 / len(shares)
    for k, ((name, found), colour) in enumerate(zip(shares.items(), (BLUE, ORANGE, SKY), strict=False)):
        at = np.arange(len(causes)) - 0.4 + (k + 0.5) * thick
        share, chance = np.array([found[cause] for cause in causes]).T
        axes.barh(at, share, height=thick * 0.9, color=colour, label=name)
        axes.vlines(chance, at - 0.45 * thick, at + 0.45 * thick, color=INK, linewidth=1.8)
        for place, value in zip(at, share, strict=True):
            inside = value > 0.05
            axes.text(
                value + (-0.006 if inside else 0.006), place, f"{value:.0%}", va="center", fontsize=7.5,
                ha="right" if inside else "left", color="white" if inside else MUTED,
            )  # fmt: skip
    axes.plot([], [], color=INK, linewidth=1.8, label="of all places")
    axes.set_yticks(range(len(causes)), causes)
    axes.set_ylim(len(causes) - 0.45, -0.55)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("share of the top tenth of places")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=len(shares) + 1)
    return figure


def _dot(axes: Axes, place: int, value: Float[np.ndarray, "3"], colour: str) -> None:
    if np.isnan(value[0]):
        axes.text(
            0.02, place, "not measured", transform=axes.get_yaxis_transform(), va="center", fontsize=7, color=MUTED
        )
        return
    axes.hlines(place, value[1], value[2], color=colour, linewidth=2)
    axes.plot(value[0], place, "o", color=colour, markersize=5.5)
