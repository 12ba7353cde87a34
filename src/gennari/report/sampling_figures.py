"""Figures of where we look: the sections of a split, and how patches are distributed."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gennari.records import PatchTable
from gennari.report.style import BLUE, GREEN, GREY, INK, MUTED, ORANGE, PURPLE, SKY, VERMILION, styled

SPLIT_COLOURS: Mapping[str, str] = {
    "train": BLUE, "val": GREEN, "test": ORANGE, "guard": "#c9ced6", "unlabelled": GREY
}  # fmt: skip
_LINE_CHARACTERS = 160
_BINS = 40


@styled
def split_figure(
    brains: Mapping[str, tuple[Float[np.ndarray, "n"], Sequence[str]]], missing: Mapping[str, str] | None = None
) -> Figure:
    """Where each brain's sections lie and what they are used for.

    Args:
        brains: by name, y of the sections in mm (BRAIN_MM) and the use of each ('train', 'val', 'test', 'guard', ...).
        missing: by name, what to say below a brain's sections of areas that parts of its split lack.
    """
    lines = {name: textwrap.wrap((missing or {}).get(name, ""), _LINE_CHARACTERS) for name in brains}
    heights = np.array([1.0 + 0.34 * len(lines[name]) for name in brains])
    middles = np.cumsum(heights) - heights + 0.5
    figure = Figure(figsize=(11, 0.42 * heights.sum() + 1.0), layout="constrained")
    axes = figure.subplots()
    used: dict[str, str] = {}
    spare = itertools.cycle((PURPLE, VERMILION, SKY))
    for middle, (name, (positions, uses)) in zip(middles, brains.items(), strict=True):
        for use in sorted(set(uses), key=_rank):
            label = use if use not in used else "_again"
            if use not in used:
                used[use] = SPLIT_COLOURS.get(use) or next(spare)
            at = positions[np.array([one == use for one in uses], dtype=bool)]
            axes.vlines(at, middle - 0.34, middle + 0.34, color=used[use], linewidth=2.4, label=label)
        for row, line in enumerate(lines[name]):
            place = (0.0, middle + 0.42 + 0.34 * row)
            axes.text(*place, line, transform=axes.get_yaxis_transform(), fontsize=7, color=MUTED, va="top")
    axes.set_yticks(middles, list(brains))
    axes.set_ylim(heights.sum(), 0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("y of the section (mm), posterior to anterior")
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda k: _rank(labels[k]))
    figure.legend([handles[k] for k in order], [labels[k] for k in order], loc="outside upper left", ncols=6)
    return figure


@styled
def patch_distributions(patches: PatchTable, min_plane_angle_deg: float = 45.0) -> Figure:
    """How patches lie over sections, plane angles, curvature, nearest other sheet, tissue and rotation, by part.

    Args:
        patches: at least one.
        min_plane_angle_deg: what they were chosen by; from there on the angles of surfaces that face all directions
            alike are drawn for comparison (their density goes with sin).
    """
    figure = Figure(figsize=(11, 5.0), layout="constrained")
    panels = figure.subplots(2, 3)
    curve = patches.curvature_per_mm
    limit = float(np.percentile(np.abs(curve), 99.5)) or 1.0
    least = 10 * np.floor(10 * float(patches.tissue_share.min()))
    for axes, values, label, span in zip(
        panels.ravel(),
        (
            patches.brain_mm[:, 1], patches.plane_angle_deg, curve,
            patches.other_sheet_mm, 100 * patches.tissue_share, patches.rotation_deg,
        ),
        (
            "y of the section (mm), posterior to anterior", "angle of surface and section normal (°)",
            "mean curvature (1/mm), sulci to crowns", "nearest other sheet (mm; the last bin: or more)",
            "tissue in the window (%)", "rotation to upright (°)",
        ),
        (None, (min_plane_angle_deg, 90.0), (-limit, limit), (0.0, 10.0), (min(least, 90.0), 100.0), (-180.0, 180.0)),
        strict=True,
    ):  # fmt: skip
        _histogram(axes, values, patches.split, label, span)
    angle = np.linspace(min_plane_angle_deg, 90, 100)
    isotropic = np.sin(np.radians(angle)) / np.cos(np.radians(min_plane_angle_deg))
    density = len(patches) * isotropic * np.radians(90 - min_plane_angle_deg) / _BINS
    (line,) = panels[0, 1].plot(angle, density, color=INK, linewidth=1.2, linestyle="--", label="all directions alike")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend([*handles, line], [*labels, line.get_label()], loc="outside upper left", ncols=6)
    return figure


def _histogram(axes: Axes, values: np.ndarray, split: np.ndarray, label: str, span: tuple[float, float] | None) -> None:
    """Stacked by part of the split, with the median of all; what lies outside the span is counted at its ends."""
    low, high = span or (float(values.min()), float(values.max()))
    clipped = np.clip(values, low, high)
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    parts = sorted(set(split.tolist()), key=_rank)
    axes.hist(
        [clipped[split == part] for part in parts],
        bins=edges.tolist(),
        stacked=True,
        color=[SPLIT_COLOURS.get(part, GREY) for part in parts],
        label=parts,
    )
    median = float(np.median(values))
    axes.axvline(median, color=INK, linewidth=1)
    axes.set_title(f"median {median:.3g}", fontsize=8, fontweight="normal", color=MUTED)
    axes.set_xlabel(label)
    axes.set_ylabel("patches")
    axes.set_xlim(edges[0], edges[-1])


def _rank(part: str) -> tuple[int, str]:
    """Parts in the order of the legend, unknown ones last."""
    known = list(SPLIT_COLOURS)
    return (known.index(part) if part in known else len(known), part)
