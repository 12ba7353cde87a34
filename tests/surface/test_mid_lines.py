import numpy as np
import pytest

from gennari.records import Ribbon
from gennari.surface.mid_lines import mid_lines

SPACING_UM = 50.0


def painted(depth: np.ndarray) -> Ribbon:
    """A ribbon of which only the depth matters."""
    face = np.where(np.isnan(depth), -1, 0).astype(np.int32)
    weights = np.repeat(np.where(face >= 0, np.float32(1 / 3), np.float32(0))[..., None], 3, axis=-1)
    side = face.astype(np.int8)
    return Ribbon(
        section=7, spacing_um=SPACING_UM, depth=depth.astype(np.float32), face=face, weights=weights, side=side
    )


def ring(size: int = 201, outer: float = 90.0, inner: float = 50.0) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size] - (size - 1) / 2
    depth = (outer - np.hypot(rows, cols)) / (outer - inner)
    return np.where((depth >= 0) & (depth <= 1), depth, np.nan)


def test_a_ring_gives_a_closed_line_of_its_middle_circumference():
    (line,) = mid_lines(painted(ring()), 200.0)
    assert line.closed
    assert line.section == 7
    assert line.length_mm == pytest.approx(2 * np.pi * 70 * 0.05, rel=1e-3)
    assert line.length_mm - line.arc_mm[-1] == pytest.approx(line.arc_mm[1])
    assert np.linalg.norm(line.centre_um / 50 - 100.5, axis=1) == pytest.approx(70, abs=0.1)
    assert np.abs(np.stack([line.row, line.col], axis=1) - (line.centre_um / 50 - 0.5)).max() <= 0.5 + 1e-9


def test_points_at_the_ribbons_end_get_a_pixel_of_cortex(rng):
    depth = ring()
    depth[rng.random(depth.shape) < 0.2] = np.nan  # ends everywhere
    ribbon = painted(depth)
    lines = mid_lines(ribbon, 60.0, shortest_mm=0.0)
    assert len(lines) > 1
    for line in lines:
        assert ribbon.cortex[line.row, line.col].all()
    assert (np.diff([line.length_mm for line in lines]) <= 0).all()


def test_a_step_that_is_not_positive_is_refused_and_no_cortex_gives_no_line():
    with pytest.raises(ValueError, match="need a positive step, got 0"):
        mid_lines(painted(ring()), 0.0)
    assert mid_lines(painted(np.full((9, 9), np.nan)), 200.0) == []
    assert mid_lines(painted(ring()), 200.0, shortest_mm=23.0) == []
