import dataclasses

import numpy as np
import pytest
import torch

from gennari.data.augmentation import Augmentation
from gennari.data.pair_batches import PairBatch, PairBatches, further_targets
from gennari.data.patch_images import ImagesInMemory
from gennari.data.pixels import Normalisation
from gennari.records import Hemisphere, PairTable, PatchTable, Side, TriangleMesh
from gennari.sampling.slab import at_places

NORMALISATION = Normalisation(mean=0.5, std=0.2)


def _patches(rng: np.random.Generator, n: int) -> PatchTable:
    return PatchTable(
        brain=np.full(n, "P"),
        section=np.zeros(n, np.int32),
        side=np.full(n, "L"),
        centre_um=rng.random((n, 2)),
        face=np.zeros(n, np.int32),
        weights=np.full((n, 3), 1 / 3),
        vertex=np.zeros(n, np.int32),
        brain_mm=rng.random((n, 3)),
        inflated_mm=rng.normal(size=(n, 3)) * 50,
        plane_angle_deg=np.full(n, 90.0),
        rotation_deg=np.zeros(n),
        curvature_per_mm=np.zeros(n),
        other_sheet_mm=np.zeros(n),
        tissue_share=np.ones(n),
        split=np.full(n, "train"),
    )


def _pairs(rng: np.random.Generator, n: int, count: int) -> PairTable:
    hubs = rng.integers(0, 3, count)
    return PairTable(
        first=hubs.astype(np.int32),
        second=rng.integers(3, n, count).astype(np.int32),
        distance_mm=rng.uniform(1, 200, count),
    )


@pytest.fixture
def batches(rng: np.random.Generator) -> PairBatches:
    return PairBatches(
        images=ImagesInMemory(images=rng.integers(0, 256, (40, 8, 8), dtype=np.uint8)),
        patches=_patches(rng, 40),
        pairs=_pairs(rng, 40, 50),
        normalisation=NORMALISATION,
        batch=16,
        seed=4,
    )


def _equal(a: PairBatch, b: PairBatch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_every_pair_comes_once_an_epoch(batches: PairBatches):
    assert batches.per_epoch == 3
    seen = []
    for index in range(3):
        batch = batches.get(0, index)
        rows = batch.rows.numpy()
        seen += list(zip(rows[batch.first], rows[batch.second], batch.distance_mm.tolist(), strict=True))
    pairs = batches.pairs
    expected = zip(pairs.first, pairs.second, pairs.distance_mm.astype(np.float32), strict=True)
    assert sorted(seen) == sorted(expected)


def test_an_epoch_of_fewer_pairs_draws_them_anew_and_one_of_more_repeats_some(batches: PairBatches):
    def counts(count: int, epoch: int) -> np.ndarray:
        some = dataclasses.replace(batches, count=count)
        assert some.per_epoch == round(count / 16)
        drawn = np.concatenate([some.get(epoch, index).distance_mm for index in range(some.per_epoch)])
        return (drawn[:, None] == batches.pairs.distance_mm.astype(np.float32)).sum(axis=0)

    assert counts(32, 0).sum() == counts(32, 1).sum() == 32
    assert set(counts(32, 0)) == {0, 1}
    assert not np.array_equal(counts(32, 0), counts(32, 1))
    assert set(counts(64, 0)) == {1, 2}
    assert counts(64, 0).sum() == 64
    whole, same = batches.get(2, 1), dataclasses.replace(batches, count=50).get(2, 1)
    assert _equal(whole, same)


def test_a_patch_in_many_pairs_is_run_once_with_its_own_pixels_and_place(batches: PairBatches):
    batch = batches.get(0, 1)
    rows = batch.rows.numpy()
    assert len(np.unique(rows)) == len(rows) < 2 * len(batch.first)
    expected = (batches.images.read(rows) / 255 - 0.5) / 0.2
    np.testing.assert_allclose(batch.images[:, 0].numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(batch.places_mm.numpy(), batches.patches.inflated_mm[rows], rtol=1e-6)


def test_batches_depend_on_seed_epoch_and_index_alone(batches: PairBatches):
    augmented = dataclasses.replace(batches, augmentation=Augmentation(mirror=0.5, gain=0.2, gamma=0.2))
    later = augmented.get(3, 1)
    augmented.get(0, 0)
    assert _equal(augmented.get(3, 1), later)
    assert not _equal(dataclasses.replace(augmented, seed=5).get(3, 1), later)
    assert not torch.equal(augmented.get(4, 1).distance_mm, later.distance_mm)


def test_images_and_table_must_have_the_same_length(batches: PairBatches):
    with pytest.raises(ValueError, match=r"one image a patch \(40\), got 39"):
        dataclasses.replace(batches, images=ImagesInMemory(images=batches.images.read(np.arange(39))))


def test_pairs_beyond_the_table_are_refused(batches: PairBatches):
    broken = dataclasses.replace(batches.pairs, second=batches.pairs.second + np.int32(20))
    with pytest.raises(ValueError, match=r"PairTable.second must index the PatchTable"):
        dataclasses.replace(batches, pairs=broken)


def test_no_pairs_are_refused(batches: PairBatches):
    empty = PairTable(first=np.zeros(0, np.int32), second=np.zeros(0, np.int32), distance_mm=np.zeros(0))
    with pytest.raises(ValueError, match="at least one pair, got none"):
        dataclasses.replace(batches, pairs=empty)


def test_further_targets_are_curvature_and_how_much_the_section_follows_the_normal(batches: PairBatches, rng):
    angle, curvature = rng.uniform(45, 90, 40), rng.normal(size=40)
    patches = dataclasses.replace(batches.patches, plane_angle_deg=angle, curvature_per_mm=curvature)
    targets = further_targets(patches, ("plane", "curvature"))
    np.testing.assert_allclose(targets[:, 1], curvature)
    # a section whose normal leans by 90 - angle from the sheet, mirrored or not: |n . across|
    lean = np.deg2rad(angle)
    across = np.column_stack([np.cos(lean), np.sin(lean)])
    np.testing.assert_allclose(targets[:, 0], np.abs(across @ [-1.0, 0.0]))
    batch = dataclasses.replace(batches, patches=patches, further=("curvature",)).get(0, 1)
    np.testing.assert_allclose(batch.further[:, 0], curvature[batch.rows.numpy()], rtol=1e-6)
    assert batches.get(0, 1).further.shape == (len(batch.rows), 0)


def test_a_place_and_its_mirror_image_on_the_right_have_one_target(rng: np.random.Generator):
    """From hemispheres to a batch: the right one is the left mirrored, elsewhere and not centred."""
    corners = rng.normal(size=(4, 3)) * 30
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], np.int32)

    def hemisphere(side: Side, mirror: float, shift: float) -> Hemisphere:
        mesh = TriangleMesh(vertices_mm=corners * [mirror, 1, 1] + [shift, 5, -3], faces=faces)
        return Hemisphere(side=side, pial=mesh, white=mesh, inflated=mesh, medial_wall=np.zeros(4, bool))

    pair = (hemisphere("L", 1, -40), hemisphere("R", -1, 35))
    face, weights = np.repeat([0, 2, 3], 2).astype(np.int32), np.repeat(rng.dirichlet([1, 1, 1], 3), 2, axis=0)
    side = np.tile([0, 1], 3).astype(np.int8)
    places = at_places([h.mirrored_inflated_mm for h in pair], [h.pial.faces for h in pair], side, face, weights)
    patches = dataclasses.replace(_patches(rng, 6), side=side, face=face, weights=weights, inflated_mm=places)
    pairs = PairTable(first=np.array([0, 2, 4], np.int32), second=np.array([1, 3, 5], np.int32), distance_mm=np.ones(3))
    images = ImagesInMemory(images=np.zeros((6, 8, 8), np.uint8))
    batches = PairBatches(images=images, patches=patches, pairs=pairs, normalisation=NORMALISATION, batch=3, seed=0)
    batch = batches.get(0, 0)
    left, right = batch.places_mm[batch.first], batch.places_mm[batch.second]
    torch.testing.assert_close(left, right)
    expected = np.einsum("nk,nkx->nx", weights[::2], (corners - corners.mean(axis=0))[faces[face[::2]]])
    np.testing.assert_allclose(batch.places_mm[[0, 2, 4]], expected, rtol=1e-5)
