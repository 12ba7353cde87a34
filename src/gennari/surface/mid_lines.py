"""The lines of mid depth in a section's ribbon: one for each piece of cortex, open or closed, with places on them."""

from dataclasses import dataclass

import numpy as np
from contourpy import LineType, contour_generator
from jaxtyping import Float, Int

from gennari.records import Ribbon


@dataclass(frozen=True, kw_only=True)
class MidLine:
    """Points evenly spaced along the mid-depth line of one piece of a section's ribbon.

    Attributes:
        section: its id.
        arc_mm: of each point, along the line from its start; deeper cortex lies to the right as the image is seen.
        length_mm: of the line; of a closed one from the start round to it.
        closed: the line returns to its start.
        centre_um: (row, col) of each point in SECTION_UM.
        row: of the nearest pixel of cortex.
        col: of the same.
    """

    section: int
    arc_mm: Float[np.ndarray, "a"]
    length_mm: float
    closed: bool
    centre_um: Float[np.ndarray, "a 2"]
    row: Int[np.ndarray, "a"]
    col: Int[np.ndarray, "a"]


def mid_lines(ribbon: Ribbon, step_um: float, shortest_mm: float = 2.0) -> list[MidLine]:
    """The lines of depth 0.5; banks that touch in a sulcus stay apart, since they touch at their surfaces only.

    Args:
        ribbon: of one section.
        step_um: between points; stretched a little so that a whole number fits the line.
        shortest_mm: shorter pieces are left out.

    Returns:
        The pieces, longest first.

    Raises:
        ValueError: a step that is not positive.
    """
    if not step_um > 0:
        raise ValueError(f"points along mid cortex need a positive step, got {step_um} µm")
    if not ribbon.cortex.any():
        return []
    found = []
    for line in _contours(ribbon.depth.astype(float)):
        points, length_px, closed = _even_steps(line, step_um / ribbon.spacing_um)
        length_mm = length_px * ribbon.spacing_um / 1000
        if length_mm < shortest_mm:
            continue
        row, col = _cortex_pixels(ribbon, points).T
        found.append(
            MidLine(
                section=ribbon.section,
                arc_mm=np.linspace(0, length_mm, len(points), endpoint=not closed),
                length_mm=length_mm,
                closed=closed,
                centre_um=(points + 0.5) * ribbon.spacing_um,
                row=row,
                col=col,
            )
        )
    return sorted(found, key=lambda line: -line.length_mm)


def _contours(depth: Float[np.ndarray, "h w"]) -> list[Float[np.ndarray, "_ 2"]]:
    """Lines of depth 0.5 as (row, col) in px from the centre of pixel (0, 0), deeper cortex to the right."""
    # With x to the right and y downwards contourpy keeps what is higher to its left, which is our right as seen.
    generator = contour_generator(z=np.ma.masked_invalid(depth), line_type=LineType.Separate)
    return [np.asarray(line)[:, ::-1] for line in generator.lines(0.5)]


def _even_steps(line: Float[np.ndarray, "p 2"], step_px: float) -> tuple[Float[np.ndarray, "a 2"], float, bool]:
    """Points evenly spaced along a line, its length in px, and whether it is closed (its end is then left out)."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    length, closed = float(along[-1]), len(line) > 3 and bool(np.array_equal(line[0], line[-1]))
    steps = max(round(length / step_px), 1)
    at = np.linspace(0, length, steps + 1)[: -1 if closed else None]
    return np.column_stack([np.interp(at, along, axis) for axis in line.T]), length, closed


def _cortex_pixels(ribbon: Ribbon, points: Float[np.ndarray, "a 2"]) -> Int[np.ndarray, "a 2"]:
    """The nearest pixel of cortex to points of a line.

    A line runs between pixels of cortex, so one of the four around a point is cortex, but at the ribbon's ends the
    nearest of them need not be.
    """
    corners = np.floor(points).astype(int)[:, None] + np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # (a, 4, 2)
    corners = np.clip(corners, 0, np.array(ribbon.cortex.shape) - 1)
    away = np.linalg.norm(corners - points[:, None], axis=2)
    away[~ribbon.cortex[corners[..., 0], corners[..., 1]]] = np.inf
    return corners[np.arange(len(points)), away.argmin(axis=1)]
