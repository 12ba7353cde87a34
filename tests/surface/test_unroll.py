from pathlib import Path

import nibabel
import numpy as np
import pytest

from gennari.frames import coronal
from gennari.records import Hemisphere, Ribbon, Section, TriangleMesh
from gennari.surface.ribbon import cut_ribbon
from gennari.surface.unroll import lay_flat, trajectories, unroll

SPACING_UM = 64.0


def ring_of_cortex(shell, section, wall=None) -> Ribbon:
    ball = shell(12.0, 9.0, 5)
    if wall is not None:
        ball = Hemisphere(side="L", pial=ball.pial, white=ball.white, inflated=ball.pial, medial_wall=wall(ball.pial))
    return cut_ribbon([ball], section(0.013, 13.0), SPACING_UM)


def painted(depth: np.ndarray) -> Ribbon:
    """A ribbon of which only the depth matters."""
    face = np.where(np.isnan(depth), -1, 0).astype(np.int32)
    weights = np.repeat(np.where(face >= 0, np.float32(1 / 3), np.float32(0))[..., None], 3, axis=-1)
    return Ribbon(
        section=1,
        spacing_um=SPACING_UM,
        depth=depth.astype(np.float32),
        face=face,
        weights=weights,
        side=face.astype(np.int8),
    )


def test_a_ring_unrolls_to_its_circumference_and_its_radii(shell, section):
    (piece,) = unroll(ring_of_cortex(shell, section), depths=24)
    assert piece.closed
    columns = len(piece.arc_mm)
    assert piece.arc_mm[-1] * columns / (columns - 1) == pytest.approx(2 * np.pi * 10.5, rel=5e-3)
    offset = piece.centre_um / 1000 - 13.0
    radius = np.linalg.norm(offset, axis=-1)
    assert np.abs(radius - (12 - 3 * piece.depth)[:, None]).max() < SPACING_UM / 1000
    angle = np.arctan2(offset[..., 0], offset[..., 1])
    drift = np.angle(np.exp(1j * (angle - angle[12])))
    assert np.abs(drift * radius).max() < 2 * SPACING_UM / 1000


def test_depth_is_found_again_on_the_flat_grid(shell, section):
    ribbon = ring_of_cortex(shell, section)
    (piece,) = unroll(ribbon)
    rows, cols = np.mgrid[: ribbon.depth.shape[0], : ribbon.depth.shape[1]]
    radius = np.hypot(rows + 0.5 - 13_000 / SPACING_UM, cols + 0.5 - 13_000 / SPACING_UM) * SPACING_UM / 1000
    flat = lay_flat(piece, (12 - radius) / 3, SPACING_UM)
    assert np.abs(flat - piece.depth[:, None]).max() < SPACING_UM / 3000
    coarse = lay_flat(piece, np.arange(40.0)[:, None] * np.ones(40), 640.0)
    assert np.allclose(coarse, piece.centre_um[..., 0] / 640 - 0.5, equal_nan=True)


def test_places_lie_on_the_surface_that_the_ribbon_says(shell, section):
    ribbon = ring_of_cortex(shell, section)
    (piece,) = unroll(ribbon)
    middle = piece.centre_um[15] / SPACING_UM - 0.5
    row, col = np.rint(middle).astype(int).T
    assert (piece.face >= 0).all()
    assert (piece.side == 0).all()
    assert np.allclose(piece.weights.sum(axis=1), 1, atol=1e-5)
    assert (piece.face == ribbon.face[row, col]).mean() > 0.8


def test_deeper_cortex_lies_to_the_right(shell, section):
    (piece,) = unroll(ring_of_cortex(shell, section))
    forward = np.diff(piece.centre_um[15], axis=0)
    right = np.column_stack([forward[:, 1], -forward[:, 0]])
    inward = (piece.centre_um[25] - piece.centre_um[5])[:-1]
    assert ((right * inward).sum(axis=1) > 0).all()


def test_a_ring_cut_open_by_the_medial_wall_is_an_open_piece(shell, section):
    (piece,) = unroll(ring_of_cortex(shell, section, wall=lambda mesh: mesh.vertices_mm[:, 0] > 0))
    assert not piece.closed
    assert piece.arc_mm[-1] == pytest.approx(np.pi * 10.5, rel=0.05)


def test_banks_that_touch_stay_two_pieces():
    rows = np.arange(60)[:, None] * np.ones(80)
    depth = np.abs(rows - 29.5) / 29.5  # two banks, pial against pial, 29 px thick
    pieces = unroll(painted(depth), depths=10)
    assert len(pieces) == 2
    for piece in pieces:
        assert not piece.closed
        assert piece.arc_mm[-1] == pytest.approx(79 * 0.064)
        above = piece.centre_um[0, 0, 0] < 30 * SPACING_UM
        expected = 30 - 29.5 * piece.depth if above else 30 + 29.5 * piece.depth
        assert np.allclose(piece.centre_um[..., 0] / SPACING_UM, expected[:, None], atol=0.1)


def test_where_the_ribbon_ends_early_the_grid_says_so():
    rows = np.arange(60)[:, None] * np.ones(80)
    depth = np.where(rows < 40, rows / 59, np.nan)
    (piece,) = unroll(painted(depth), depths=10)
    known = np.isfinite(piece.centre_um[..., 0])
    assert known[piece.depth < 0.66].all()
    assert not known[piece.depth > 0.72].any()
    assert np.isnan(lay_flat(piece, depth * 0, SPACING_UM)[-1]).all()


def test_step_depths_and_shortest_piece_are_as_asked(shell, section):
    ribbon = ring_of_cortex(shell, section)
    (piece,) = unroll(ribbon, step_um=200.0, depths=5)
    assert np.allclose(np.diff(piece.arc_mm), 0.2, atol=2e-3)
    assert np.allclose(piece.depth, [0.1, 0.3, 0.5, 0.7, 0.9])
    assert unroll(ribbon, shortest_mm=100.0) == []
    assert unroll(painted(np.full((5, 5), np.nan))) == []
    for arguments in ({"step_um": 0.0}, {"depths": 0}):
        with pytest.raises(ValueError, match="positive step and at least one depth"):
            unroll(ribbon, **arguments)


def test_lines_across_the_cortex_run_from_pial_to_white_through_their_points(shell, section):
    ribbon = ring_of_cortex(shell, section)
    (piece,) = unroll(ribbon, depths=9)
    chosen = piece.centre_um[4, ::50]
    lines = trajectories(ribbon, chosen, depths=9)
    assert lines.shape == (9, len(chosen), 2)
    assert np.allclose(lines, piece.centre_um[:, ::50], atol=2)
    radius = np.linalg.norm(lines / 1000 - 13.0, axis=-1)
    assert np.abs(radius - (12 - 3 * piece.depth)[:, None]).max() < SPACING_UM / 1000


@pytest.mark.real
def test_the_real_ribbon_unrolls_within_a_pixel(real_data: Path):
    brain = []
    for side in ("L", "R"):
        read = [nibabel.load(real_data / "bigbrain" / f"hemi-{side}_{name}.surf.gii") for name in ("pial", "white")]
        pial, white = (
            TriangleMesh(vertices_mm=image.darrays[0].data.astype(float), faces=image.darrays[1].data.astype(np.int32))
            for image in read
        )
        wall = np.zeros(len(pial.vertices_mm), bool)
        brain.append(Hemisphere(side=side, pial=pial, white=white, inflated=pial, medial_wall=wall))
    to_brain = coronal(y_mm=-70.02 + 0.02 * 1000, left_mm=-68.0, top_mm=57.0)
    plane = Section(brain="bigbrain", id=1000, spacing_um=32.0, shape_px=(3700, 4300), to_brain=to_brain)
    ribbon = cut_ribbon(brain, plane)
    pieces = unroll(ribbon)
    assert sum(piece.arc_mm[-1] for piece in pieces) == pytest.approx(778, rel=0.05)
    known, missed = [], []
    for piece in pieces:
        flat = lay_flat(piece, np.where(ribbon.cortex, ribbon.depth, -9).astype(float), SPACING_UM)
        inside = flat >= 0  # not mixed with what lies outside the ribbon
        known.append(np.isfinite(flat).ravel())
        missed.append(np.abs(flat - piece.depth[:, None])[inside])
    assert np.concatenate(known).mean() > 0.95
    assert np.percentile(np.concatenate(missed), 99) < 0.02
