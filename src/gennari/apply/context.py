"""Surface context: sections of one brain gathered on its surface, smoothed there and heard as a second opinion.

Only how cortex is divided into classes is spoken of: whether a pixel is cortex at all is left to its own section.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int8, Int32
from scipy.ndimage import distance_transform_edt

from gennari.apply.context_settings import ContextSettings
from gennari.apply.surface_map import vertex_shares
from gennari.records import Hemisphere, Ribbon, Section
from gennari.surface.diffusion import diffused
from gennari.surface.mesh import interpolate, vertex_normals

LEAST = 1e-6
"""A class that one of two opinions rules out is held this probable by it, so that the other may still be heard."""
Opinions = tuple[Float32[np.ndarray, "_ k"], Float32[np.ndarray, "_ k"]]
"""Probabilities of the classes of cortex at the vertices, left and right; 0 where nothing was heard."""


@dataclass(frozen=True, kw_only=True)
class NearRibbon:
    """Pixels of one section on its ribbon and near it, and the cortex that each belongs to.

    Attributes:
        rows: on the ribbon's grid.
        cols: on the ribbon's grid.
        side: of the nearest pixel of the ribbon, 0 left, 1 right.
        face: of that pixel.
        weights: in that face.
        on: whether the pixel itself lies on the ribbon.
        cut: sin² of the angle between the surface's normal and the section's: 1 where layers are cut at right angles.
    """

    rows: Int[np.ndarray, "n"]
    cols: Int[np.ndarray, "n"]
    side: Int8[np.ndarray, "n"]
    face: Int32[np.ndarray, "n"]
    weights: Float32[np.ndarray, "n 3"]
    on: Bool[np.ndarray, "n"]
    cut: Float[np.ndarray, "n"]


def near_ribbon(
    ribbon: Ribbon, section: Section, hemispheres: tuple[Hemisphere, Hemisphere], reach_mm: float
) -> NearRibbon:
    """The pixels of a ribbon and those up to `reach_mm` beside it.

    Args:
        ribbon: of the section.
        section: for its normal.
        hemispheres: as the ribbon was cut from.
        reach_mm: in the section's plane.
    """
    if not ribbon.cortex.any():
        rows = cols = at_row = at_col = np.zeros(0, int)
    else:
        found = distance_transform_edt(~ribbon.cortex, return_indices=True)
        distance, (near_row, near_col) = cast("tuple[np.ndarray, np.ndarray]", found)
        rows, cols = np.nonzero(distance * ribbon.spacing_um <= 1000 * reach_mm)
        at_row, at_col = near_row[rows, cols], near_col[rows, cols]
    side, face, weights = (getattr(ribbon, name)[at_row, at_col] for name in ("side", "face", "weights"))
    across = np.zeros(len(rows))
    for s, hemisphere in enumerate(hemispheres):
        here = side == s
        normal = interpolate(vertex_normals(hemisphere.mid), hemisphere.pial.faces, face[here], weights[here])
        length = np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
        across[here] = normal @ section.normal / length
    return NearRibbon(
        rows=rows, cols=cols, side=side, face=face, weights=weights, on=ribbon.cortex[rows, cols], cut=1 - across**2
    )


def surface_opinions(
    sections: Iterable[tuple[NearRibbon, Float[np.ndarray, "_ c"]]],
    hemispheres: tuple[Hemisphere, Hemisphere],
    settings: ContextSettings,
    first: int,
) -> Opinions:
    """What all sections together say of the vertices.

    A pixel on the ribbon gives how its section divides cortex among the classes from `first` on to the three vertices
    of its face. It counts by its weights there, by how squarely it was cut (`NearRibbon.cut`), by how sure it is (1 -
    entropy over that of not knowing at all) and by how probably it is cortex. Votes then spread along the mid surface
    and are divided by their sum.

    Args:
        sections: of one brain, each with the probabilities of all classes at its pixels.
        hemispheres: left and right.
        settings: how far votes spread.
        first: the first class of cortex.
    """
    votes: list[np.ndarray | None] = [None, None]
    for places, given in sections:
        divided, cortex = conditional(given, first)
        weight = places.on * places.cut * certainty(divided) * cortex
        for s, hemisphere in enumerate(hemispheres):
            rows = np.flatnonzero((places.side == s) & places.on)
            shares = vertex_shares(places.face[rows], places.weights[rows], hemisphere)
            cast_now = shares @ (weight[rows, None] * divided[rows])
            before = votes[s]
            votes[s] = cast_now if before is None else before + cast_now
    left, right = (_spread(found, hemisphere, settings) for found, hemisphere in zip(votes, hemispheres, strict=True))
    return left, right


def with_second_opinion(
    places: NearRibbon,
    given: Float[np.ndarray, "n c"],
    opinions: Opinions,
    hemispheres: tuple[Hemisphere, Hemisphere],
    settings: ContextSettings,
    first: int,
) -> Float[np.ndarray, "n c"]:
    """Probabilities of a section's pixels once the surface was heard: own^(1 - w) * surface^w, normalised.

    The classes before `first` keep what they had, and the classes of cortex share what they had together. Where the
    surface is silent nothing changes.

    Args:
        places: pixels of one section.
        given: what the section itself says there, all classes.
        opinions: of `surface_opinions`.
        hemispheres: left and right.
        settings: the weight w.
        first: the first class of cortex, as for `opinions`.
    """
    heard = np.zeros((len(given), given.shape[1] - first))
    for s, hemisphere in enumerate(hemispheres):
        here = places.side == s
        heard[here] = interpolate(opinions[s], hemisphere.pial.faces, places.face[here], places.weights[here])
    told = heard.sum(axis=1) > 0
    second, _ = conditional(heard[told], 0)
    own, cortex = conditional(np.asarray(given[told], float), first)
    logs = (1 - settings.weight) * np.log(np.maximum(own, LEAST)) + settings.weight * np.log(np.maximum(second, LEAST))
    product = np.exp(logs - logs.max(axis=1, keepdims=True))
    out = np.array(given, float)
    out[told, first:] = cortex[:, None] * product / product.sum(axis=1, keepdims=True)
    return out


def conditional(given: Float[np.ndarray, "n c"], first: int) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n"]]:
    """How the classes from `first` on share what they have (evenly where that is nothing), and how much it is."""
    part = np.asarray(given[:, first:], float)
    total = part.sum(axis=1)
    even = np.full_like(part, 1 / part.shape[1])
    return np.divide(part, total[:, None], out=even, where=total[:, None] > 0), total


def certainty(probabilities: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n"]:
    """1 less the entropy over that of k equal shares: 1 for a certain class, 0 where all are equally probable."""
    count = probabilities.shape[1]
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return np.clip(1 + (probabilities * logs).sum(axis=1) / np.log(count), 0, 1) if count > 1 else np.ones(len(logs))


def _spread(votes: np.ndarray | None, hemisphere: Hemisphere, settings: ContextSettings) -> Float32[np.ndarray, "v k"]:
    if votes is None:
        raise ValueError("surface context needs at least one section, got none")
    cortex = ~hemisphere.medial_wall
    spread = diffused(hemisphere.mid, np.where(cortex[:, None], votes, 0), settings.length_mm, cortex)
    total = spread.sum(axis=1, keepdims=True)
    return np.divide(spread, total, out=np.zeros_like(spread), where=total > 0).astype(np.float32)
