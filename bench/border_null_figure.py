"""The figure of bench/border_null.py: how often a border of some contrast is found."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gennari.report.style import BLUE, MUTED, VERMILION, styled, to_png

Z = 1.96


def draw_power(curve: Sequence[tuple[float, float]], points: Mapping[str, tuple[float, float]], ribbons: int) -> bytes:
    """A PNG: the curve of added steps with its intervals, and pairs of areas at their own contrast."""
    return to_png(_power(curve, points, ribbons))


@styled
def _power(curve: Sequence[tuple[float, float]], points: Mapping[str, tuple[float, float]], ribbons: int) -> Figure:
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    size, share = np.array(curve).T
    axes.fill_between(size, *_wilson(share, ribbons), color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(size, share, color=BLUE, marker="o", markersize=4, label="a step added to homogeneous cortex")
    axes.axhline(0.05, color=MUTED, linewidth=0.7, linestyle=":")
    axes.annotate("α", (size[-1], 0.05), (2, 2), textcoords="offset points", color=MUTED)
    # neighbours in contrast have their names on different sides
    for rank, (name, (at, found)) in enumerate(sorted(points.items(), key=lambda point: point[1][0])):
        low, high = _wilson(np.array([found]), ribbons)
        axes.errorbar(
            at, found, [[found - low[0]], [high[0] - found]], color=VERMILION, fmt="D", markersize=4, capsize=2
        )
        side = {"ha": "left", "xytext": (5, -9)} if rank % 2 else {"ha": "right", "xytext": (-5, 4)}
        axes.annotate(name, (at, found), textcoords="offset points", fontsize=7, **side)
    axes.plot([], [], "D", color=VERMILION, markersize=4, label="two areas of the phantom")
    axes.set(
        title="Borders found within 1 mm by the classical method",
        xlabel="contrast, deviations within an area (Mahalanobis, ten features)",
        ylabel="share of ribbons",
        ylim=(-0.02, 1.04),
    )
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.97))
    axes.grid(axis="y")
    return figure


def _wilson(share: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's 95 % interval of a share of n."""
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return middle - half, middle + half
