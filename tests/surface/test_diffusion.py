"""Diffusion along a mesh: against a double loop, and as wide as it says."""

import numpy as np
import pytest

from gennari.records import TriangleMesh
from gennari.surface.diffusion import diffused
from gennari.surface.mesh import edges


def _grid(n: int, step_mm: float = 1.0) -> TriangleMesh:
    """A flat square of n x n vertices in the plane z = 0."""
    vertices = np.array([(x, y, 0.0) for x in range(n) for y in range(n)]) * step_mm
    corner = np.array([n * x + y for x in range(n - 1) for y in range(n - 1)])
    faces = np.concatenate([np.stack([corner, corner + n, corner + 1], axis=1),
                            np.stack([corner + 1, corner + n, corner + n + 1], axis=1)])  # fmt: skip
    return TriangleMesh(vertices_mm=vertices, faces=faces.astype(np.int32))


@pytest.fixture
def bumpy(rng) -> TriangleMesh:
    flat = _grid(6)
    return TriangleMesh(vertices_mm=flat.vertices_mm + rng.normal(0, 0.2, (36, 3)), faces=flat.faces)


def _looped(mesh: TriangleMesh, values: np.ndarray, length_mm: float, allowed: np.ndarray) -> np.ndarray:
    """The same by plain loops over vertices and edges."""
    near = {v: {} for v in range(len(values))}
    for a, b in edges(mesh).tolist():
        if allowed[a] and allowed[b]:
            distance = np.linalg.norm(mesh.vertices_mm[a] - mesh.vertices_mm[b])
            near[a][b] = near[b][a] = 1 / distance**2
    squares = [len(of) / sum(of.values()) for of in near.values() if of]
    square = sum(squares) / len(squares)
    steps = int(np.ceil(4 * length_mm**2 / square))
    share = 2 * length_mm**2 / (steps * square)
    for _ in range(steps):
        after = values.copy()
        for v, of in near.items():
            if of:
                mean = sum(pull * values[u] for u, pull in of.items()) / sum(of.values())
                after[v] = (1 - share) * values[v] + share * mean
        values = after
    return values


@pytest.mark.parametrize("length_mm", [0.3, 1.0, 2.5])
def test_steps_are_those_of_a_double_loop(bumpy, rng, length_mm):
    values, allowed = rng.random((36, 3)), rng.random(36) < 0.8
    np.testing.assert_allclose(diffused(bumpy, values, length_mm, allowed), _looped(bumpy, values, length_mm, allowed))


@pytest.mark.parametrize("length_mm", [0.7, 2.0, 3.0])
def test_a_spot_spreads_to_the_stated_length(length_mm):
    n, step_mm = 61, 0.5
    mesh = _grid(n, step_mm)
    spot = np.zeros((n * n, 1))
    spot[n * (n // 2) + n // 2] = 1
    spread = diffused(mesh, spot, length_mm, np.ones(n * n, bool))[:, 0]
    offset = mesh.vertices_mm - mesh.vertices_mm[n * (n // 2) + n // 2]
    variance = (spread[:, None] * offset**2).sum(axis=0) / spread.sum()
    assert np.sqrt(variance[:2].sum() / 2) == pytest.approx(length_mm, rel=0.02)


def test_what_is_equal_everywhere_stays_and_a_length_of_0_changes_nothing(bumpy, rng):
    everywhere = np.ones(36, bool)
    np.testing.assert_allclose(diffused(bumpy, np.full((36, 2), 3.0), 2.0, everywhere), 3.0)
    values = rng.random((36, 2))
    np.testing.assert_array_equal(diffused(bumpy, values, 0.0, everywhere), values)


def test_vertices_that_are_not_allowed_neither_give_nor_take(bumpy, rng):
    values, allowed = rng.random((36, 1)), np.ones(36, bool)
    allowed[6:12] = False  # a wall from side to side
    spread = diffused(bumpy, values, 3.0, allowed)
    np.testing.assert_array_equal(spread[6:12], values[6:12])
    other = values.copy()
    other[12:] += 1
    np.testing.assert_allclose(diffused(bumpy, other, 3.0, allowed)[:6], spread[:6])
    np.testing.assert_array_equal(diffused(bumpy, values, 3.0, np.zeros(36, bool)), values)
