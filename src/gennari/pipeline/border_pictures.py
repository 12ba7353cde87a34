"""The figures of borders, from saved files and the sections' images."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from gennari.apply.clusters import feature_clusters
from gennari.apply.surface_map import vertex_majority, vertex_means
from gennari.pipeline.border_detection import PROFILES
from gennari.pipeline.border_features import read_features
from gennari.pipeline.border_places import RIBBON_UM
from gennari.pipeline.border_saved import (
    SHARP,
    SavedBorders,
    pair_name,
    shown_piece,
    shown_range_mm,
    shown_sections,
)
from gennari.pipeline.border_tables import OURS
from gennari.records import SIDES, Hemisphere
from gennari.report.border_arc_figures import ArcPanel, Stretch, Strip, Trace, arc_figure
from gennari.report.border_section_figures import RibbonPanel, ribbon_figure
from gennari.report.border_surface_figures import TrackedCurve, curves_on_surface, kinds_map, score_map
from gennari.sampling.gaps import gap_centre_um
from gennari.sampling.split import position_mm
from gennari.surface.ribbon import cut_ribbon
from gennari.surface.unroll import lay_flat, unroll

SECTIONS = 8
KINDS = 8
ARC_MM = 90.0
"""Longest stretch of ribbon that is shown with its layers."""
IMAGE_UM = 128.0
"""Spacing at which sections are shown."""
FLAT_UM, FLAT_DEPTHS = 64.0, 40
REACH_MM = 2.0
"""How far a value is carried on the surface: training sections lie a few millimetres apart."""
OBLIQUE_DEG = 45.0
_KINDS_SEED = 35
_SCORE = "feature distance (1/mm)"
Picture = tuple[str, str, str, Figure]
"""Name of its file, title, caption, figure."""


def border_pictures(saved: SavedBorders) -> Iterator[Picture]:
    """Ribbons, one piece laid flat, and what lies on the surface; true borders are marked where they are known."""
    sections = shown_sections(saved, SECTIONS, OURS)
    yield "ribbons", "The ribbon of neighbouring sections", _RIBBONS, _ribbons(saved, sections)
    yield "arc", "Along one piece of ribbon", _ARC, _arc(saved, shown_piece(saved, sections))
    hemispheres = saved.brain.hemispheres()
    areas = (
        None
        if saved.truth is None
        else _on_surfaces(saved, saved.truth.label.astype(int), hemispheres, vertex_majority)
    )
    maps = {"raw": saved.gaps.score, "confounds out": saved.gaps.partial}
    means = {name: _on_surfaces(saved, score, hemispheres, vertex_means) for name, score in maps.items()}
    yield "surface", "Where neighbouring cortex differs", _SURFACE, score_map(hemispheres, means, _SCORE, areas)
    yield "curves", "Borders followed over sections", _CURVES, _curves(saved, hemispheres, areas)
    rng = np.random.default_rng([saved.run.experiment.seed, _KINDS_SEED])
    found = feature_clusters(read_features(saved.run), KINDS, rng)
    kinds = {f"{KINDS} groups": _on_surfaces(saved, found.label, hemispheres, vertex_majority)}
    caption = f"{_KINDS} {found.within_share:.0%} of the features' variance are left within groups."
    yield "kinds", "Groups of like features", caption, kinds_map(hemispheres, kinds, KINDS, areas)


_RIBBONS = (
    "Mid cortex coloured by the squared distance of the mean features of the nine places before and behind each gap, "
    "per mm between their centres (after Fig. 4 right of the paper). Lines across the cortex are true borders, known "
    "for the phantom and used for nothing but this; dots are peaks in the top tenth of what training sections show."
)
_ARC = (
    "Above, the cortex laid flat, pia on top, stretched in depth. Below it the areas, the distance of learned features "
    "and the D² of cortical profiles, the classical method, on a logarithmic axis; dotted, the threshold that leaves "
    "one false border in 20 mm of training sections. Below these, what else makes features change: the curvature of "
    "the mid surface (dotted: 0.2 per mm) and how obliquely the cortex is cut (dotted: 45 degrees)."
)
_SURFACE = (
    "Mean over all sections looked at, training ones among them, on the inflated surface; above as it is, below with "
    "curvature, obliqueness, thickness and tissue taken out. Each row has its own scale."
)
_CURVES = (
    "Peaks of the feature distance joined along the mid surface from each section to the next. The "
    "observer-independent method believes a border that is found on three neighbouring sections."
)
_KINDS = (
    "k-means of the learned features by themselves: neither position nor areas are known to it. Colours that are near "
    "to each other in the legend stand for features that are."
)


def _ribbons(saved: SavedBorders, sections: Sequence[int]) -> Figure:
    return ribbon_figure([_ribbon(saved, number) for number in sections], _SCORE, highlight=pair_name(*SHARP))


def _ribbon(saved: SavedBorders, number: int) -> RibbonPanel:
    here, centre_um = saved.gaps.section == number, saved.places.patches.centre_um
    rows = np.flatnonzero(here & (saved.following >= 0))
    borders = saved.borders(here)
    section = saved.brain.section(number)
    spacing_um = section.spacing_um * max(1, round(IMAGE_UM / section.spacing_um))
    found = saved.found(OURS)
    return RibbonPanel(
        title=f"section {number}",
        image=saved.brain.read_full(number, spacing_um),
        spacing_um=spacing_um,
        gap_um=np.stack([centre_um[rows], centre_um[saved.following[rows]]], axis=1),
        score=saved.gaps.score[rows],
        true_um=_across_um(saved, np.array(borders, int)),
        true_names=[saved.pair(row) for row in borders],
        found_um=_across_um(saved, found[here[found]]),
    )


def _across_um(saved: SavedBorders, rows: Int[np.ndarray, "k"]) -> Float[np.ndarray, "k 2 2"]:
    """Straight lines across the cortex at gaps, as long as the cortex looks there, pial end first."""
    patches = saved.places.patches
    turn, tilt = np.radians(patches.rotation_deg[rows]), np.radians(patches.plane_angle_deg[rows])
    half = 500 * saved.places.thickness_mm[rows] / np.maximum(np.sin(tilt), 0.5)
    inward = half[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    middle = gap_centre_um(saved.places)[rows]
    return np.stack([middle - inward, middle + inward], axis=1)


def _arc(saved: SavedBorders, rows: Int[np.ndarray, "k"]) -> Figure:
    gaps, places = saved.gaps, saved.places
    inner = rows[saved.following[rows] >= 0]
    number, own = int(places.patches.section[rows[0]]), np.zeros(len(gaps), bool)
    own[rows] = True
    threshold = saved.evaluation.threshold if saved.evaluation else None
    classical = saved.evaluation.controls.get("classical") if saved.evaluation else None
    panel = ArcPanel(
        title=f"brain {saved.brain.name}, section {number}, {_side_of(saved, rows)}",
        flat=_flat(saved, rows, number),
        flat_mm=(0.0, float(places.length_mm[rows[0]])),
        gap_mm=gaps.arc_mm[inner],
        traces=(
            Trace(
                label=_SCORE.replace(" (", "\n("), value=gaps.score[inner], threshold=threshold,
                found_mm=_found_mm(saved, OURS, own),
            ),
            Trace(
                label="profiles' D²", value=gaps.profiles_d2[inner], log=True,
                threshold=classical.threshold if classical else None, found_mm=_found_mm(saved, PROFILES, own),
            ),
        ),
        strips=(
            Strip(label="curvature\n(1/mm)", value=gaps.curvature_per_mm[inner], levels=(-0.2, 0.2)),
            Strip(label="obliqueness\n(deg)", value=gaps.obliqueness_deg[inner], levels=(OBLIQUE_DEG,)),
        ),
        stretches=_stretches(saved, rows),
        borders=[(float(gaps.arc_mm[row]), saved.pair(row)) for row in saved.borders(own)],
    )  # fmt: skip
    return arc_figure(panel, shown_range_mm(saved, rows, ARC_MM), float(places.thickness_mm[rows].mean()))


def _side_of(saved: SavedBorders, rows: Int[np.ndarray, "k"]) -> str:
    side = saved.places.patches.side[rows]
    return "left" if np.mean(side == 0) > 0.5 else "right"


def _found_mm(saved: SavedBorders, method: str, own: np.ndarray) -> list[float]:
    found = saved.found(method)
    return saved.gaps.arc_mm[found[own[found]]].tolist()


def _flat(saved: SavedBorders, rows: Int[np.ndarray, "k"], number: int) -> Float[np.ndarray, "d a"]:
    """The image of one piece laid flat: the pieces of a section come longest first, here as in the table of places."""
    here = saved.places.patches.section == number
    pieces = np.unique(saved.places.piece[here])
    section = saved.brain.section(number)
    spacing_um = section.spacing_um * max(1, round(FLAT_UM / 2 / section.spacing_um))
    shortest_mm = float(saved.places.length_mm[here].min()) - 1e-6
    ribbon = cut_ribbon(saved.brain.hemispheres(), section, RIBBON_UM)
    unrolled = unroll(ribbon, FLAT_UM, FLAT_DEPTHS, shortest_mm)
    piece = unrolled[int(np.flatnonzero(pieces == saved.places.piece[rows[0]])[0])]
    return lay_flat(piece, saved.brain.read_full(number, spacing_um).astype(float), spacing_um)


def _stretches(saved: SavedBorders, rows: Int[np.ndarray, "k"]) -> list[Stretch]:
    """Runs of one label along a piece; where none is known there is none."""
    if saved.truth is None:
        return []
    label, arc_mm = saved.truth.label[rows], saved.places.arc_mm[rows]
    begins = np.flatnonzero(np.diff(label, prepend=-2))
    edges = (arc_mm[1:] + arc_mm[:-1]) / 2
    lows = np.where(begins > 0, edges[np.maximum(begins - 1, 0)], 0.0)
    highs = np.append(lows[1:], saved.places.length_mm[rows[0]])
    names, colours = saved.label_set.names, saved.label_set.colours
    return [
        Stretch(begin_mm=float(low), end_mm=float(high), name=names[label[k]], colour=colours[label[k]])
        for k, low, high in zip(begins, lows, highs, strict=True)
        if label[k] >= 0
    ]


def _curves(saved: SavedBorders, hemispheres: Sequence[Hemisphere], areas: Sequence[np.ndarray] | None) -> Figure:
    accepted, patches = saved.accepted, saved.places.patches
    own = np.flatnonzero((accepted.method == OURS) & (accepted.curve >= 0))
    place = {section.id: position_mm(section) for section in saved.brain.sections}
    curves = []
    for number in np.unique(accepted.curve[own]):
        members = own[accepted.curve[own] == number]
        gap = accepted.gap[members[np.argsort([place[number] for number in accepted.section[members].tolist()])]]
        curve = TrackedCurve(
            side=SIDES[int(accepted.side[members[0]])], face=patches.face[gap], weights=patches.weights[gap],
            recurrent=bool(accepted.recurrent[members].all()),
        )  # fmt: skip
        curves.append(curve)
    looked = _on_surfaces(saved, np.where(saved.wanted, 1.0, np.nan), hemispheres, vertex_means)
    return curves_on_surface(hemispheres, curves, looked, areas)


def _on_surfaces(
    saved: SavedBorders,
    values: np.ndarray,
    hemispheres: Sequence[Hemisphere],
    onto: Callable[[np.ndarray, np.ndarray, np.ndarray, Hemisphere, float], np.ndarray],
) -> list[np.ndarray]:
    """Values of places at the vertices of the left and right surface, by `vertex_means` or `vertex_majority`."""
    patches = saved.places.patches
    found = []
    for index, hemisphere in enumerate(hemispheres):
        own = (patches.side == index) & (patches.face >= 0)
        found.append(onto(values[own], patches.face[own], patches.weights[own], hemisphere, REACH_MM))
    return found
