"""Tables of several brains as one: rows and pairs keep their meaning, places go to one space."""

from dataclasses import replace

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.brain_samples import among, common_space, joined, shifted
from gennari.records import Hemisphere, PairTable, TriangleMesh


@pytest.fixture
def pairs() -> PairTable:
    return PairTable(
        first=np.array([0, 0, 4], np.int32), second=np.array([2, 4, 5], np.int32), distance_mm=np.array([1.0, 2.0, 3.0])
    )


def test_joined_pairs_mean_the_same_patches_as_before(make_patches, pairs):
    one, other = make_patches(6), make_patches(7)
    patches, both = joined([(one, pairs), (other, pairs)])
    assert len(patches) == 13
    for offset, table, begin in ((0, one, 0), (3, other, 6)):
        for k in range(3):
            for column in ("first", "second"):
                before, now = getattr(pairs, column)[k], getattr(both, column)[offset + k]
                assert now == before + begin
                np.testing.assert_array_equal(patches.brain_mm[now], table.brain_mm[before])
            assert both.distance_mm[offset + k] == pairs.distance_mm[k]
    assert both.first.dtype == np.int32


def test_shifted_pairs_begin_where_they_are_told(pairs):
    moved = shifted(pairs, 10)
    assert moved.first.tolist() == [10, 10, 14]
    assert moved.second.tolist() == [12, 14, 15]


def test_pairs_among_chosen_rows_mean_the_same_patches(make_patches, pairs):
    patches, rows = make_patches(6), np.array([0, 2, 4, 5])
    part, found = patches.take(rows), among(pairs, rows)
    np.testing.assert_array_equal(part.brain_mm[found.first], patches.brain_mm[pairs.first])
    np.testing.assert_array_equal(part.brain_mm[found.second], patches.brain_mm[pairs.second])


def _renumbered(mesh: TriangleMesh, order: np.ndarray) -> TriangleMesh:
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return TriangleMesh(vertices_mm=mesh.vertices_mm[order], faces=place[mesh.faces])


def test_places_of_a_brain_of_another_mesh_and_shape_are_those_of_the_reference(shells, make_patches, rng):
    left, right = shells
    order = rng.permutation(len(left.pial.vertices_mm))

    def other(hemisphere: Hemisphere) -> Hemisphere:
        meshes = {name: _renumbered(getattr(hemisphere, name), order) for name in ("pial", "white", "inflated")}
        meshes["inflated"] = replace(meshes["inflated"], vertices_mm=5 * meshes["inflated"].vertices_mm)
        return replace(hemisphere, **meshes, medial_wall=hemisphere.medial_wall[order])

    brain = (other(left), other(right))
    spheres = [TriangleMesh(vertices_mm=h.mirrored_inflated_mm, faces=h.pial.faces) for h in shells]
    own = [_renumbered(sphere, order) for sphere in spheres]
    patches = make_patches(40, faces=len(left.pial.faces))
    moved = common_space(brain, shells, (own[0], own[1]), (spheres[0], spheres[1]))(patches)
    for row in range(40):
        hemisphere, reference = brain[patches.side[row]], shells[patches.side[row]]
        corners = hemisphere.pial.faces[patches.face[row]]
        expected = sum(
            weight * reference.mirrored_inflated_mm[order[corner]]
            for weight, corner in zip(patches.weights[row], corners, strict=True)
        )
        np.testing.assert_allclose(moved.inflated_mm[row], expected, atol=1e-6)
    np.testing.assert_array_equal(moved.brain_mm, patches.brain_mm)
    with pytest.raises(InputError, match="no spheres were given"):
        common_space(brain, shells, None, (spheres[0], spheres[1]))


def test_places_on_equal_meshes_are_read_off_the_reference(shells, make_patches):
    larger = tuple(replace(h, inflated=replace(h.inflated, vertices_mm=2 * h.inflated.vertices_mm)) for h in shells)
    patches = make_patches(20)
    own = common_space((larger[0], larger[1]), (larger[0], larger[1]), None, None)(patches)
    moved = common_space((larger[0], larger[1]), shells, None, None)(patches)
    np.testing.assert_allclose(2 * moved.inflated_mm, own.inflated_mm)
    assert np.abs(moved.inflated_mm).max() > 1
