"""Borders found on single sections, joined over neighbouring sections to curves on the surface.

Two borders of neighbouring sections belong together if they lie near each other *along* the mid surface: the opposite
bank of a sulcus may be nearer through the pia, and is no neighbour. Each border has one partner at most on either
side, so a curve meets a section once; where a border on the surface turns back, two curves meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int, Int32
from scipy.optimize import linear_sum_assignment

from gennari.records import SIDES, Hemisphere, Side
from gennari.sampling.gaps import gap_brain_mm, next_rows
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.surface.geodesic import GeodesicSolver
from gennari.surface.mesh import edge_lengths_mm

RECURRING = 3
"""Neighbouring sections on which a border has to be found to be believed (Schleicher et al. 1999)."""


@dataclass(frozen=True, kw_only=True)
class BorderCurve:
    """One border over neighbouring sections, in their order.

    Attributes:
        gaps: rows of the places, one a section.
        points_mm: where these gaps lie in mid cortex, BRAIN_MM.
        vertices: of the hemisphere, nearest to each in its face.
    """

    side: Side
    gaps: Int[np.ndarray, "n"]
    points_mm: Float[np.ndarray, "n 3"]
    vertices: Int32[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.gaps)

    @property
    def recurs(self) -> bool:
        """Found on at least three neighbouring sections."""
        return len(self) >= RECURRING


def track_borders(
    places: RibbonPlaces,
    accepted: Bool[np.ndarray, "n"],
    order: Sequence[int],
    hemispheres: tuple[Hemisphere, Hemisphere],
    *,
    reach_mm: float,
) -> list[BorderCurve]:
    """Join accepted borders of neighbouring sections; among all ways to pair them up the shortest in sum is taken.

    As many as can be are paired. A border without a partner is a curve of one section.

    Args:
        places: whole pieces of ribbon.
        accepted: gaps that are borders.
        order: ids of all sections that were looked at, along their normal, those without a border too: what follows
            each other here are neighbours, if they are near enough.
        hemispheres: left and right, in BRAIN_MM.
        reach_mm: how far apart along the surface borders of neighbouring sections may lie. Twice the sections'
            distance takes borders that run through the sections at 30 degrees or more.

    Returns:
        Curves ordered by side, first section and row.

    Raises:
        ValueError: a border lies on a section that is not in the order, or in a gap that does not exist.
    """
    _check(places, accepted, order)
    points = gap_brain_mm(places)
    after = np.full(len(places), -1)
    for index in range(2):
        rows = np.flatnonzero(accepted & (places.patches.side == index))
        if not rows.size:
            continue
        near = _Nearness(places, points, hemispheres[index], reach_mm)
        by_section = {number: rows[places.patches.section[rows] == number] for number in order}
        for one, other in pairwise(order):
            first, second = _paired(near, by_section[one], by_section[other])
            after[first] = second
    place_in_order = {number: k for k, number in enumerate(order)}
    heads = np.setdiff1d(np.flatnonzero(accepted), after[after >= 0])
    curves = [_curve(places, points, _followed(int(head), after)) for head in heads]
    return sorted(
        curves,
        key=lambda curve: (curve.side, place_in_order[int(places.patches.section[curve.gaps[0]])], curve.gaps[0]),
    )


def sections_found_on(curves: Sequence[BorderCurve], count: int) -> Int[np.ndarray, "n"]:
    """For each of `count` gaps the number of neighbouring sections its border was found on; 0 where there is none."""
    found = np.zeros(count, int)
    for curve in curves:
        found[curve.gaps] = len(curve)
    return found


def curve_numbers(curves: Sequence[BorderCurve], count: int) -> Int[np.ndarray, "n"]:
    """For each of `count` gaps the number of its curve in the list; -1 where there is none."""
    numbers = np.full(count, -1)
    for number, curve in enumerate(curves):
        numbers[curve.gaps] = number
    return numbers


class _Nearness:
    """Distances along one mid surface between borders, asked only where the straight line is short enough."""

    def __init__(
        self, places: RibbonPlaces, points: Float[np.ndarray, "n 3"], hemisphere: Hemisphere, reach_mm: float
    ) -> None:
        self._places, self._points, self._reach_mm = places, points, reach_mm
        self._solver = GeodesicSolver(hemisphere.mid)
        self._limit_mm = reach_mm + float(edge_lengths_mm(hemisphere.mid).max())

    def between(self, first: Int[np.ndarray, "a"], second: Int[np.ndarray, "b"]) -> Float[np.ndarray, "a b"]:
        """Distances in mm along the surface; inf beyond reach."""
        table = np.full((len(first), len(second)), np.inf)
        face, weights = self._places.patches.face, self._places.patches.weights
        for i, row in enumerate(first):
            straight = np.linalg.norm(self._points[second] - self._points[row], axis=1)
            close = np.flatnonzero(straight <= self._reach_mm)
            if close.size:
                to = second[close]
                there = self._solver.distances(int(face[row]), weights[row], face[to], weights[to], self._limit_mm)
                table[i, close] = np.where(there <= self._reach_mm, there, np.inf)
        return table


def _paired(
    near: _Nearness, first: Int[np.ndarray, "a"], second: Int[np.ndarray, "b"]
) -> tuple[Int[np.ndarray, "k"], Int[np.ndarray, "k"]]:
    table = near.between(first, second)
    possible = np.isfinite(table)
    if not possible.any():
        return first[:0], second[:0]
    # no sum of allowed distances is as long as one that is not allowed: so as many as can be are paired
    forbidden = 1 + 2 * table[possible].max() * max(table.shape)
    i, j = linear_sum_assignment(np.where(possible, table, forbidden))
    kept = possible[i, j]
    return first[i[kept]], second[j[kept]]


def _followed(head: int, after: Int[np.ndarray, "n"]) -> list[int]:
    rows = [head]
    while after[rows[-1]] >= 0:
        rows.append(int(after[rows[-1]]))
    return rows


def _curve(places: RibbonPlaces, points: Float[np.ndarray, "n 3"], rows: list[int]) -> BorderCurve:
    return BorderCurve(
        side=SIDES[int(places.patches.side[rows[0]])],
        gaps=np.array(rows),
        points_mm=points[rows],
        vertices=places.patches.vertex[rows],
    )


def _check(places: RibbonPlaces, accepted: Bool[np.ndarray, "n"], order: Sequence[int]) -> None:
    unknown = sorted(set(places.patches.section[accepted].tolist()) - set(order))
    if unknown:
        raise ValueError(f"borders must lie on the sections of the order, but {unknown[0]} is not among them")
    if (accepted & (next_rows(places) < 0)).any():
        raise ValueError("a border must lie in a gap, but one was accepted behind the last place of an open piece")
