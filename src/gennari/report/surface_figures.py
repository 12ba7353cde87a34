"""Figures on the cortical surface: where patches come from, and which area lies where."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gennari.records import IGNORE, SIDES, Hemisphere, LabelSet, PatchTable, Side, TriangleMesh
from gennari.report.render import Picture, render
from gennari.report.style import BLUE, MUTED, rgb, scale_bar, styled
from gennari.report.surface_views import SPACING_MM, VIEWS, folds, four_views, show
from gennari.surface.mesh import interpolate
from gennari.surface.paths import SurfacePath, geodesic_path

DOT = "#c8102e"
MOST_DOTS = 6000
"""More would cover the surface; those shown are spread evenly over the table, which is ordered by section."""


@styled
def sampling_locations(
    hemispheres: Sequence[Hemisphere], patches: PatchTable, pair: tuple[int, int] | None = None
) -> Figure:
    """Where patches were sampled, on the pial and on the inflated surface (Spitzer et al. 2018, Fig. 1a).

    Args:
        hemispheres: left and right.
        patches: one dot each, at most MOST_DOTS of them; their faces and weights name the places on every surface.
        pair: two rows of `patches` of the same side, joined by a blue geodesic of the mid surface. Distances come
            from elsewhere.
    """
    figure, axes, blank = four_views(("pial", "inflated"))
    grey = {hemisphere.side: folds(hemisphere) for hemisphere in hemispheres}
    by_side: dict[Side, Hemisphere] = {hemisphere.side: hemisphere for hemisphere in hemispheres}
    between = None if pair is None else _between(by_side, patches.take(np.array(pair)))
    shown = np.unique(np.linspace(0, len(patches) - 1, min(len(patches), MOST_DOTS)).round().astype(int))
    dots = patches.take(shown)
    for row, surface in enumerate(("pial", "inflated")):
        for column, ((side, _), view) in enumerate(VIEWS.items()):
            panel: Axes = axes[row, column]
            hemisphere = by_side[side]
            mesh: TriangleMesh = getattr(hemisphere, surface)
            picture = render(mesh, grey[side], view, SPACING_MM)
            show(panel, picture)
            ours = np.flatnonzero(_side_index(dots.side) == SIDES.index(side))
            _dots(panel, picture, interpolate(mesh.vertices_mm, mesh.faces, dots.face[ours], dots.weights[ours]))
            if between is not None and between[0] == side:
                _path(panel, picture, between[1].on(mesh))
            if surface == "pial":
                scale_bar(panel, picture.width_mm, MUTED, share=0.2, y=0.0)
    marks = [Line2D([], [], marker="o", linestyle="", markersize=4, color=DOT, label=_counted(dots, patches))]
    if pair is not None:
        marks.append(Line2D([], [], color=BLUE, linewidth=2, label="one pair, joined by a geodesic"))
    blank.legend(handles=marks, loc="center", ncols=2)
    return figure


@styled
def areas_on_surface(
    hemispheres: Sequence[Hemisphere], maps: dict[str, tuple[Int[np.ndarray, "_"], ...]], label_set: LabelSet
) -> Figure:
    """Area maps on the inflated surface, one row a map.

    Args:
        hemispheres: left and right.
        maps: for each name, class indices per vertex of each hemisphere; IGNORE and tissue classes are left grey.
        label_set: names and colours.
    """
    figure, axes, blank = four_views(tuple(maps))
    for row, labels in enumerate(maps.values()):
        for column, ((side, _), view) in enumerate(VIEWS.items()):
            index = [hemisphere.side for hemisphere in hemispheres].index(side)
            colours = _painted(folds(hemispheres[index]), labels[index], label_set)
            show(axes[row, column], render(hemispheres[index].inflated, colours, view, SPACING_MM))
    present = [k for k in range(label_set.first_area, len(label_set.names)) if _occurs(k, maps)]
    patches = [Patch(color=label_set.colours[k], label=label_set.names[k]) for k in present]
    blank.legend(handles=patches, loc="center", ncols=min(len(patches), 13) or 1, handlelength=1, columnspacing=1.2)
    return figure


def _painted(
    grey: Float[np.ndarray, "v 3"], labels: Int[np.ndarray, "v"], label_set: LabelSet
) -> Float[np.ndarray, "v 3"]:
    colours = grey.copy()
    table = np.array([rgb(colour) for colour in label_set.colours])
    areas = (labels >= label_set.first_area) & (labels != IGNORE)
    # some of the folding shows through, so that an area can be found on it
    colours[areas] = table[labels[areas]] * (0.55 + 0.5 * grey[areas])
    return np.clip(colours, 0, 1)


def _occurs(index: int, maps: dict[str, tuple[Int[np.ndarray, "_"], ...]]) -> bool:
    return any((labels == index).any() for sides in maps.values() for labels in sides)


def _side_index(side: np.ndarray) -> np.ndarray:
    """Sides as indices into SIDES, whether a table holds them as such or as letters."""
    if np.issubdtype(side.dtype, np.integer):
        return side
    return np.array([SIDES.index(letter) for letter in side], dtype=int)


def _dots(axes: Axes, picture: Picture, points_mm: Float[np.ndarray, "n 3"]) -> None:
    row_col = picture.place_px(points_mm)[picture.is_seen(points_mm)]
    size = np.clip(9000 / max(len(points_mm), 1), 1.2, 9)
    axes.scatter(row_col[:, 1], row_col[:, 0], s=size, color=DOT, linewidths=0, alpha=0.85)


def _counted(shown: PatchTable, patches: PatchTable) -> str:
    some = "" if len(shown) == len(patches) else f"{len(shown):,} of "
    return f"{some}{len(patches):,} patch centres"


def _between(hemispheres: dict[Side, Hemisphere], ends: PatchTable) -> tuple[Side, SurfacePath]:
    """The side of two patches, and the path between them."""
    sides = _side_index(ends.side)
    if sides[0] != sides[1]:
        raise ValueError(f"a pair must lie on one hemisphere, got sides {ends.side.tolist()}")
    side = SIDES[int(sides[0])]
    first, last = (int(vertex) for vertex in ends.vertex)
    return side, geodesic_path(hemispheres[side].mid, first, last)


def _path(axes: Axes, picture: Picture, points_mm: Float[np.ndarray, "n 3"]) -> None:
    """Solid where it is seen; where both its ends are, dotted below the folds that hide it."""
    row_col, seen = picture.place_px(points_mm), picture.is_seen(points_mm, slack_mm=2.0)
    if seen[[0, -1]].all():
        axes.plot(row_col[:, 1], row_col[:, 0], color=BLUE, linewidth=1.2, linestyle=":")
    row_col[~seen] = np.nan
    axes.plot(row_col[:, 1], row_col[:, 0], color=BLUE, linewidth=2)
    ends = row_col[[0, -1]]
    axes.scatter(ends[:, 1], ends[:, 0], s=26, color=BLUE, edgecolors="white", linewidths=0.8, zorder=3)
