"""Where the areas lie: scores per vertex, from landmarks on fsaverage or from a real probability map.

A score says how much a vertex speaks for a cytoarchitecture; the largest wins. Scores are linear inside a face, so
borders do not follow the mesh's edges.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree
from scipy.special import ndtr

from gennari.phantom.fields import wave_field
from gennari.phantom.layers import AREAS, COLUMNS, OTHER_TYPES
from gennari.records import Hemisphere
from gennari.surface.mesh import adjacency

CALCARINE_MM = ((-9, -97, -3), (-7, -88, 2), (-8, -78, 5), (-13, -68, 7), (-17, -60, 6))
"""The calcarine sulcus, left hemisphere, fsaverage (MNI305): the axis of hOc1, from the pole forward."""
BELTS_MM = (13.0, 22.0, 31.0, 40.0)
"""Outer limits of hOc1, hOc2, hOc3 and hOc4, as distances from the axis along the cortex."""
DORSAL_MM, VENTRAL_MM = (-14, -82, 28), (-18, -75, -14)
"""The cuneus and the lingual gyrus: whichever is nearer says dorsal or ventral."""
DISCS_MM: Mapping[str, tuple[tuple[float, float, float], float]] = MappingProxyType({
    "hOc4la": ((-44, -80, -2), 17.0),
    "hOc4lp": ((-36, -89, 3), 19.0),
    "hOc5": ((-45, -70, 4), 13.0),
    "FG1": ((-31, -71, -12), 16.0),
    "FG2": ((-42, -68, -15), 18.0),
    "FG3": ((-30, -53, -11), 17.0),
    "FG4": ((-42, -52, -18), 20.0),
})  # fmt: skip
"""Areas beyond the belts: centre (published centres of the Julich maps, rounded) and radius, which is chosen so that
they touch as published: hOc4lp and hOc4la beside each other (Malikovic 2016), FG1 beside FG2 (Caspers 2013), FG3 and
FG4 in front of them (Lorenz 2017)."""

FIELD_MM = 15.0
"""Correlation length of the fields that move areas. Longer ones lose more areas from single brains where a map's peak
is low (BigBrain: 3 of 104 missing at 15 mm, 8 at 25, 18 at 40), shorter ones tear areas into more pieces."""

NAT_MM = 4.3
"""Millimetres a unit of log probability stands for: with it the score of an area gains on its neighbour's by 1.8 per mm
across a border (median, BigBrain), as it does from landmarks."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What is common to all individuals of one geometry, for one hemisphere.

    Attributes:
        evidence: (v, c) one column a cytoarchitecture of COLUMNS. Signed distances in mm (inside positive) where
            `unit_mm` is set, log probabilities otherwise.
        unit_mm: whether evidence is in mm.
    """

    evidence: Float32[np.ndarray, "v c"]
    unit_mm: bool


def layout_from_landmarks(hemisphere: Hemisphere) -> Layout:
    """Thirteen areas in the human topology on fsaverage: belts around the calcarine, discs beyond.

    Distances are shortest paths along edges: 10 % too long and harmless, since they only shape the areas.
    """
    mid = hemisphere.mid
    mirror = np.array([1.0 if hemisphere.side == "L" else -1.0, 1.0, 1.0])
    tree, graph = KDTree(mid.vertices_mm), adjacency(mid)

    def distance_from(points: object) -> Float[np.ndarray, "v"]:
        seeds = np.unique(tree.query(np.atleast_2d(np.asarray(points, float)) * mirror)[1])
        return dijkstra(graph, indices=seeds, min_only=True)

    axis = distance_from(_densify(np.array(CALCARINE_MM, float)))
    to_dorsal = 0.5 * (distance_from(VENTRAL_MM) - distance_from(DORSAL_MM))
    r1, r2, r3, r4 = BELTS_MM
    score = {
        "hOc1": r1 - axis,
        "hOc2": np.minimum(axis - r1, r2 - axis),
        "hOc3d": np.minimum.reduce([axis - r2, r3 - axis, to_dorsal]),
        "hOc3v": np.minimum.reduce([axis - r2, r3 - axis, -to_dorsal]),
        "hOc4d": np.minimum.reduce([axis - r3, r4 - axis, to_dorsal]),
        "hOc4v": np.minimum.reduce([axis - r3, r4 - axis, -to_dorsal]),
    }
    discs = {name: radius - distance_from(centre) for name, (centre, radius) in DISCS_MM.items()}
    # other cortex is outside of everything: at a border between two areas it has no say
    other = -np.maximum.reduce([r4 - axis, *discs.values()])
    score |= discs
    evidence = np.column_stack([*(score[name] for name in AREAS), *(other for _ in OTHER_TYPES)])
    return Layout(evidence=np.clip(evidence, -60.0, 60.0).astype(np.float32), unit_mm=True)


def layout_from_probabilities(probability: Float[np.ndarray, "v a"], names: tuple[str, ...]) -> Layout:
    """Log probabilities of the thirteen areas; what no area claims is other cortex.

    Args:
        probability: (v, a) per vertex.
        names: its columns; areas beyond the thirteen (hOc6, FG5) count as other cortex.
    """
    areas = np.column_stack([probability[:, names.index(name)] for name in AREAS]).clip(0, 1)
    areas /= np.maximum(areas.sum(axis=1, keepdims=True), 1.0)
    other = np.repeat((1.0 - areas.sum(axis=1, keepdims=True)) / len(OTHER_TYPES), len(OTHER_TYPES), axis=1)
    return Layout(evidence=np.log(np.column_stack([areas, other]) + 1e-9).astype(np.float32), unit_mm=False)


def draw_scores(
    layout: Layout, hemisphere: Hemisphere, rng: np.random.Generator, border_sd_mm: float, phase_mm: float
) -> Float32[np.ndarray, "v c"]:
    """One individual's scores in mm: the layout moved by smooth random fields on the inflated surface.

    From landmarks each area's signed distance gets a Gaussian field of SD `border_sd_mm`, and all areas slide along the
    folds by `phase_mm` RMS. From a probability map each log probability gets a field with Gumbel margins: the largest
    sum then falls on an area exactly as often as its probability says (Gumbel-max), and neighbouring vertices agree
    because the fields are smooth. Neither length is used there: a map averaged over brains aligned by their folds is as
    wide as borders and phases vary, and adding to it would blur it twice.
    """
    points = hemisphere.mirrored_inflated_mm
    field = wave_field(rng, len(COLUMNS), FIELD_MM)(points)
    kinds = 3.0 * wave_field(rng, len(OTHER_TYPES), 20.0)(points)
    if layout.unit_mm:
        scores = _slid(layout.evidence, points, phase_mm, rng) + border_sd_mm * field
        scores[:, len(AREAS) :] += border_sd_mm * (field[:, -1:] - field[:, len(AREAS) :])
        scores[:, len(AREAS) :] += kinds - kinds.max(axis=1, keepdims=True)
        return scores.astype(np.float32)
    gumbel = -np.log(-np.log(np.clip(ndtr(field.astype(float)), 1e-9, 1 - 1e-9)))
    return (NAT_MM * (layout.evidence + gumbel)).astype(np.float32)


def _slid(
    evidence: Float32[np.ndarray, "v c"], points: Float[np.ndarray, "v 3"], rms_mm: float, rng: np.random.Generator
) -> Float32[np.ndarray, "v c"]:
    """Evidence from where a smooth random field of `rms_mm` RMS along the inflated surface points."""
    # two of its three components lie in the surface
    shift = rms_mm / np.sqrt(2) * wave_field(rng, 3, 20.0)(points)
    distance, near = KDTree(points).query(points + shift, k=4)
    # weights and not the nearest alone: borders would follow the mesh's edges
    weights = 1.0 / (distance**2 + 1e-9)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("vk,vkc->vc", weights.astype(np.float32), evidence[near])


def _densify(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "m 3"]:
    at = np.arange(0, len(points) - 1 + 1e-9, 0.05)
    return np.column_stack([np.interp(at, np.arange(len(points)), points[:, i]) for i in range(3)])
