"""The observer-independent method on the sections of a run: profiles along each piece of ribbon, then their borders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from gennari.classical.detection import DetectionSettings, d2_along, detect_borders
from gennari.classical.gli import cell_index
from gennari.classical.series import profile_series
from gennari.execute import Report, Tick
from gennari.records import Hemisphere, Section
from gennari.sampling.gaps import gap_arc_mm, piece_bounds
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.sources.dataset import Brain
from gennari.surface.ribbon import cut_ribbon
from gennari.surface.unroll import unroll

TRAVERSE_UM = 64.0
"""Between traverses, of which two make a profile: one every 128 µm (Schleicher et al. 1999)."""
DEPTHS = 40
"""Samples of a traverse; cortex of 2.5 mm then has one every 64 µm."""
MEASURES = {"gli": "grey level index", "staining": "staining intensity"}
SCORE_BLOCK = 24
"""Profiles in a block where D² serves as a score: the longest of the method's own blocks (10 to 24), 3.1 mm. It tells
borders from interior better than blocks as long as the learned score's (1.8 mm), so the comparison favours it."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Feature rows along one piece of ribbon, the piece's own rows of places, and how the two lie along it.

    Attributes:
        rows: features at even steps; NaN where nothing is known.
        arc_mm: of each row.
        begin, end: the piece's rows in the table of places.
    """

    rows: Float[np.ndarray, "m p"]
    arc_mm: Float[np.ndarray, "m"]
    length_mm: float
    closed: bool
    begin: int
    end: int


def section_series(
    brain: Brain,
    hemispheres: tuple[Hemisphere, Hemisphere],
    section: Section,
    places: RibbonPlaces,
    ribbon_um: float,
    finest_um: float,
) -> tuple[list[Series], str]:
    """Ten features of a profile every 128 µm along the pieces of a section, and what the profiles are of.

    Args:
        brain: whose image is read.
        hemispheres: of the brain.
        section: one of its sections.
        places: of the whole run; the section's pieces are those of places.
        ribbon_um: the spacing that places were found at.
        finest_um: the image is read at this spacing, or its own if that is coarser.

    Returns:
        The pieces, and "grey level index" or "staining intensity".
    """
    spacing_um = max(finest_um, section.spacing_um)
    index = cell_index(brain.read_full(section.id, spacing_um).astype(np.float32), spacing_um)
    ribbon = cut_ribbon(hemispheres, section, ribbon_um)
    starts, ends = piece_bounds(places)
    own = [(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if places.patches.section[a] == section.id]
    shortest_mm = min((float(places.length_mm[begin]) for begin, _ in own), default=np.inf) - 1e-6
    pieces = unroll(ribbon, TRAVERSE_UM, DEPTHS, shortest_mm) if own else []
    series = []
    for (begin, end), piece in zip(own, pieces, strict=True):
        read = profile_series(piece, index)
        series.append(
            Series(
                rows=read.features,
                arc_mm=read.arc_mm,
                length_mm=float(places.length_mm[begin]),
                closed=read.closed,
                begin=begin,
                end=end,
            )
        )
    return series, MEASURES[index.kind]


def component_series(components: Float[np.ndarray, "n p"], places: RibbonPlaces, wanted: Sequence[int]) -> list[Series]:
    """Components of learned features along the pieces of the sections `wanted`: places are the rows."""
    starts, ends = piece_bounds(places)
    return [
        Series(
            rows=components[a:b],
            arc_mm=places.arc_mm[a:b],
            length_mm=float(places.length_mm[a]),
            closed=bool(places.closed[a]),
            begin=int(a),
            end=int(b),
        )
        for a, b in zip(starts, ends, strict=True)
        if int(places.patches.section[a]) in wanted
    ]


def d2_at_gaps(series: Sequence[Series], places: RibbonPlaces, block: int) -> Float[np.ndarray, "n"]:
    """D² of neighbouring blocks at each gap of places, interpolated between the gaps of the series; NaN elsewhere."""
    out, arc = np.full(len(places), np.nan), gap_arc_mm(places)
    for piece in series:
        (d2,) = d2_along(piece.rows, piece.closed, DetectionSettings(blocks=(block,)))
        middle = gap_middles(piece)
        rows = slice(piece.begin, piece.end)
        period = piece.length_mm if piece.closed else None
        out[rows] = np.interp(arc[rows], middle, d2, left=np.nan, right=np.nan, period=period)
    return out


def found_gaps(
    series: Sequence[Series], places: RibbonPlaces, rng: np.random.Generator, tick: Report, stage: str
) -> Int[np.ndarray, "k"]:
    """Rows of the gaps where the whole method accepts a border, by piece and arc."""
    found, arc = [], gap_arc_mm(places)
    for number, piece in enumerate(series, start=1):
        borders = detect_borders(piece.rows, piece.closed, rng)
        middle = gap_middles(piece)
        for gap in borders.gap:
            at = float(np.interp(gap, np.arange(len(middle)), middle))
            away = np.abs(arc[piece.begin : piece.end] - at)
            if piece.closed:
                away = np.minimum(away, piece.length_mm - away)
            found.append(piece.begin + int(np.nanargmin(away)))
        tick(Tick(stage, number, len(series)))
    return np.array(sorted(set(found)), int)


def gap_middles(piece: Series) -> Float[np.ndarray, "m"]:
    """Where the gap behind each row lies along its piece; beyond the end for the last row of an open one."""
    end = piece.arc_mm[0] + piece.length_mm if piece.closed else 2 * piece.arc_mm[-1] - piece.arc_mm[-2]
    return 0.5 * (piece.arc_mm + np.append(piece.arc_mm[1:], end))
