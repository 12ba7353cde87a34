"""Borders on the inflated surface: a map of the score, kinds of cortex by their features, tracked borders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gennari.records import SIDES, Hemisphere, Side, TriangleMesh
from gennari.report.border_section_figures import RANGE_SHARES, SCORES
from gennari.report.render import Picture, render
from gennari.report.style import BLUE, INK, MUTED, VERMILION, styled
from gennari.report.surface_views import SPACING_MM, VIEWS, folds, four_views, show
from gennari.surface.mesh import interpolate

KINDS = LinearSegmentedColormap.from_list(
    "kinds", ["#4b3f93", "#2f7fb8", "#4db3a6", "#a9d57c", "#f5e37a", "#f6ae55", "#e3663f", "#a3193f"]
)
"""Groups with like features get like colours, since groups are numbered that way (apply/clusters.py)."""
_SLACK_MM = 1.5  # lines lie in the mesh, pixels show its front
_AROUND_MM = 9.0
_ALL_SHARE = 0.85
_EDGE_MM = 3.0
_ZOOMED_PX, _FINEST_MM = 420, 0.1


@dataclass(frozen=True, kw_only=True)
class TrackedCurve:
    """A border followed over sections.

    Attributes:
        side: of the brain.
        face: of the hemisphere, at each point in order.
        weights: in that face.
        recurrent: it was found on at least three neighbouring sections.
    """

    side: Side
    face: Int[np.ndarray, "n"]
    weights: Float[np.ndarray, "n 3"]
    recurrent: bool


@styled
def score_map(
    hemispheres: Sequence[Hemisphere],
    maps: Mapping[str, Sequence[Float[np.ndarray, "_"]]],
    score_label: str,
    areas: Sequence[Int[np.ndarray, "_"]] | None = None,
) -> Figure:
    """Mean scores on the inflated surface, one row a map; each row has its own colour scale.

    Args:
        hemispheres: left and right.
        maps: by name, the mean at each vertex of each hemisphere; NaN where there is none, left grey.
        score_label: with its unit.
        areas: of each vertex of each hemisphere, -1 for none; their borders are drawn.

    Raises:
        ValueError: a map is empty.
    """
    figure, axes, blank = four_views(tuple(maps), right=0.955)
    lines = None if areas is None else [_area_borders(h, a) for h, a in zip(hemispheres, areas, strict=True)]
    for row, (name, values) in enumerate(maps.items()):
        known = np.concatenate([side[np.isfinite(side)] for side in values])
        if not known.size:
            raise ValueError(f"map '{name}' needs a value at one vertex at least, got none")
        scale = Normalize(*np.quantile(known, RANGE_SHARES))
        colours = [SCORES(scale(np.nan_to_num(side)))[:, :3] for side in values]
        painted = [np.isfinite(side) for side in values]
        _paint_row(axes[row], hemispheres, colours, painted, lines)
        box = axes[row, 3].get_position()
        bar = figure.add_axes((box.x1 + 0.008, box.y0 + 0.25 * box.height, 0.007, 0.5 * box.height))
        figure.colorbar(ScalarMappable(norm=scale, cmap=SCORES), cax=bar, extend="both")
        bar.tick_params(labelsize=6.5, length=2, pad=1)
    handles: list[Line2D | Patch] = [Patch(color=SCORES(0.75), label=score_label)]
    if lines is not None:
        handles.append(Line2D([], [], color=INK, linewidth=1.1, label="true border"))
    blank.legend(handles=handles, loc="center", ncols=2)
    return figure


@styled
def kinds_map(
    hemispheres: Sequence[Hemisphere],
    kinds: Mapping[str, Sequence[Int[np.ndarray, "_"]]],
    count: int,
    areas: Sequence[Int[np.ndarray, "_"]] | None = None,
) -> Figure:
    """Groups of places with like features on the inflated surface, one row a grouping.

    Args:
        hemispheres: left and right.
        kinds: by name, the group of each vertex of each hemisphere, 0..count-1; -1 for none, left grey.
        count: of groups.
        areas: as for `score_map`.
    """
    figure, axes, blank = four_views(tuple(kinds))
    lines = None if areas is None else [_area_borders(h, a) for h, a in zip(hemispheres, areas, strict=True)]
    table = KINDS(np.linspace(0, 1, count) if count > 1 else np.zeros(1))[:, :3]
    for row, groups in enumerate(kinds.values()):
        colours = [table[np.maximum(side, 0)] for side in groups]
        _paint_row(axes[row], hemispheres, colours, [side >= 0 for side in groups], lines)
    handles: list[Line2D | Patch] = [Patch(color=table[k], label=str(k + 1)) for k in range(count)]
    if lines is not None:
        handles.append(Line2D([], [], color=INK, linewidth=1.1, label="true border"))
    blank.legend(handles=handles, loc="center", ncols=len(handles), handlelength=1.2, columnspacing=1.2)
    return figure


@styled
def curves_on_surface(
    hemispheres: Sequence[Hemisphere],
    curves: Sequence[TrackedCurve],
    seen: Sequence[Float[np.ndarray, "_"]] | None = None,
    areas: Sequence[Int[np.ndarray, "_"]] | None = None,
) -> Figure:
    """Borders that were tracked over sections, as curves; those that recur stand out.

    Args:
        hemispheres: left and right.
        curves: any number.
        seen: of each vertex of each hemisphere, NaN where no section was looked at, shown darker there.
        areas: as for `score_map`.
    """
    figure, axes, blank = four_views(("",))
    lines = None if areas is None else [_area_borders(h, a) for h, a in zip(hemispheres, areas, strict=True)]
    looked = [np.isfinite(side) for side in seen] if seen is not None else [np.zeros(0, bool)] * 2
    pale = [np.full((len(side), 3), (0.99, 0.96, 0.86)) for side in looked]
    if seen is None:
        pale = [np.zeros((len(h.medial_wall), 3)) for h in hemispheres]
        looked = [np.zeros(len(h.medial_wall), bool) for h in hemispheres]
    pictures = _paint_row(axes[0], hemispheres, pale, looked, lines)
    by_side = {hemisphere.side: hemisphere.inflated for hemisphere in hemispheres}
    for panel, picture, (side, _) in zip(axes[0], pictures, VIEWS, strict=True):
        for curve in curves:
            if curve.side == side:
                mesh = by_side[side]
                points = interpolate(mesh.vertices_mm, mesh.faces, curve.face, curve.weights)
                _curve(panel, picture, points, curve.recurrent)
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=VERMILION, linewidth=2.2, label="border found on three neighbouring sections or more"),
        Line2D([], [], color=BLUE, linewidth=1.2, marker="o", markersize=2.5, label="on fewer"),
    ]
    if lines is not None:
        handles.append(Line2D([], [], color=INK, linewidth=1.1, label="true border"))
    if seen is not None:
        handles.append(Patch(facecolor="#ece3c8", edgecolor=MUTED, linewidth=0.4, label="cortex looked at"))
    blank.legend(handles=handles, loc="center", ncols=len(handles))
    return figure


def _paint_row(
    axes: np.ndarray,
    hemispheres: Sequence[Hemisphere],
    colours: Sequence[np.ndarray],
    painted: Sequence[np.ndarray],
    lines: Sequence[Float[np.ndarray, "_ 2 3"]] | None,
) -> list[Picture]:
    """Draw the four views of one row; vertices that are not painted show the folds."""
    order = [hemisphere.side for hemisphere in hemispheres]
    if sorted(order) != list(SIDES):
        raise ValueError(f"four views need a left and a right hemisphere, got {order}")
    grey = [folds(hemisphere) for hemisphere in hemispheres]
    # some of the folding shows through, so that a place can be found on the brain
    mixed = [
        np.where(there[:, None], np.clip(colour * (0.55 + 0.5 * base), 0, 1), base)
        for colour, there, base in zip(colours, painted, grey, strict=True)
    ]
    windows = _windows(hemispheres, painted)
    pictures = []
    for panel, ((side, name), view) in zip(axes, VIEWS.items(), strict=True):
        index = order.index(side)
        window = windows.get((side, name))
        spacing_mm = SPACING_MM if window is None else max(np.ptp(window[:2]) / _ZOOMED_PX, _FINEST_MM)
        picture = render(hemispheres[index].inflated, mixed[index], view, float(spacing_mm))
        show(panel, picture)
        if window is not None:
            left, right, bottom, top = window
            (above, first), (below, last) = picture.seen_px(np.array([(left, top), (right, bottom)]))
            panel.set(xlim=(first, last), ylim=(below, above))
        if lines is not None:
            _segments(panel, picture, lines[index])
        pictures.append(picture)
    return pictures


def _windows(
    hemispheres: Sequence[Hemisphere], painted: Sequence[np.ndarray]
) -> dict[tuple[Side, str], tuple[float, float, float, float]]:
    """What each view shows, as (left, right, bottom, top) in mm of it: equally much around what is painted.

    Nothing where as good as all would be shown, or nothing is painted: then the whole brain is.
    """
    if not any(there.any() for there in painted):
        return {}
    whole, boxes = {}, {}
    for (side, name), view in VIEWS.items():
        index = [hemisphere.side for hemisphere in hemispheres].index(side)
        seen = hemispheres[index].inflated.vertices_mm @ view.axes[:2].T
        chosen = seen[painted[index]] if painted[index].any() else seen.mean(axis=0, keepdims=True)
        boxes[side, name] = (chosen.min(axis=0), chosen.max(axis=0))
        whole[side, name] = (seen.min(axis=0), seen.max(axis=0))
    spans = np.array([high - low for low, high in boxes.values()]).max(axis=0) + 2 * _AROUND_MM
    full = np.array([high - low for low, high in whole.values()]).max(axis=0)
    span = max(spans[0], spans[1] * full[0] / full[1])
    if span > _ALL_SHARE * full[0]:
        return {}
    half = 0.5 * np.array([span, span * full[1] / full[0]])
    windows = {}
    for key, (low, high) in boxes.items():
        first, last = whole[key]  # near the brain's edge the window is moved in, rather than show nothing
        middle = np.clip((low + high) / 2, first + half - _EDGE_MM, np.maximum(last - half + _EDGE_MM, first + half))
        windows[key] = (middle[0] - half[0], middle[0] + half[0], middle[1] - half[1], middle[1] + half[1])
    return windows


def _area_borders(hemisphere: Hemisphere, area: Int[np.ndarray, "v"]) -> Float[np.ndarray, "m 2 3"]:
    """Where areas meet inside faces of the inflated surface: from the middle of one edge to that of another.

    In a face with three areas, from each edge's middle to that of the next.
    """
    mesh: TriangleMesh = hemisphere.inflated
    faces = mesh.faces[(area[mesh.faces] >= 0).all(axis=1)]
    following = np.roll(faces, -1, axis=1)
    middle = (mesh.vertices_mm[faces] + mesh.vertices_mm[following]) / 2  # of edges 01, 12, 20
    crossed = area[faces] != area[following]
    parts = [
        np.stack([middle[both, first], middle[both, second]], axis=1)
        for first, second in ((0, 1), (1, 2), (2, 0))
        for both in (crossed[:, first] & crossed[:, second],)
    ]
    return np.concatenate(parts)


def _segments(axes: Axes, picture: Picture, segments: Float[np.ndarray, "m 2 3"]) -> None:
    seen = picture.is_seen(segments.mean(axis=1), slack_mm=_SLACK_MM)
    ends = picture.place_px(segments[seen].reshape(-1, 3)).reshape(-1, 2, 2)
    axes.add_collection(LineCollection(list(ends[:, :, ::-1]), colors=INK, linewidths=1.1, capstyle="round"))


def _curve(axes: Axes, picture: Picture, points_mm: Float[np.ndarray, "n 3"], recurrent: bool) -> None:
    row_col = picture.place_px(points_mm)
    row_col[~picture.is_seen(points_mm, slack_mm=_SLACK_MM)] = np.nan
    look = {"color": VERMILION, "linewidth": 2.2} if recurrent else {"color": BLUE, "linewidth": 1.2}
    marker = "" if recurrent else "o"
    axes.plot(row_col[:, 1], row_col[:, 0], marker=marker, markersize=2.5, zorder=3, **look)
