import numpy as np
import pytest

from gennari.records import PairTable, PatchTable
from gennari.sampling import near
from gennari.sampling.near import add_near, draw_near, equal_work, near_among, patches_run


def _patches(rng: np.random.Generator, n: int) -> PatchTable:
    columns = {name: np.zeros(n) for name in PatchTable.__dataclass_fields__}
    return PatchTable(
        **columns
        | {
            "brain": rng.choice(["A", "B"], n),
            "section": rng.integers(0, 4, n).astype(np.int32),
            "side": rng.integers(0, 2, n).astype(np.int8),
            "centre_um": np.zeros((n, 2)),
            "face": np.zeros(n, np.int32),
            "weights": np.full((n, 3), 1 / 3),
            "vertex": np.zeros(n, np.int32),
            "brain_mm": np.zeros((n, 3)),
            "inflated_mm": np.zeros((n, 3)),
            "split": rng.choice(["train", "test"], n),
        }
    )


def _pairs(first: list[int], second: list[int]) -> PairTable:
    one, two = np.array(first, np.int32), np.array(second, np.int32)
    return PairTable(first=one, second=two, distance_mm=np.abs(one - two).astype(float))


def _draw(patches: PatchTable, places: np.ndarray, rng: np.random.Generator, longer: float = 1.2) -> PairTable:
    def along(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        keys = list(zip(first.tolist(), second.tolist(), strict=True))
        assert len(set(keys)) == len(keys)
        assert (first < second).all()
        return longer * np.linalg.norm(places[first] - places[second], axis=1)

    return draw_near(patches, places, 2.0, along, rng)


def test_every_patch_with_a_neighbour_within_the_radius_along_the_cortex_has_a_partner(rng: np.random.Generator):
    """Against all pairs: partners share brain, hemisphere and split, and lie in another section where one does."""
    patches, places = _patches(rng, 300), rng.uniform(0, 8, (300, 3))
    found = _draw(patches, places, rng)
    partner = dict(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert len(partner) == len(found)
    along = 1.2 * np.linalg.norm(places[:, None] - places, axis=2)
    alike = np.ones((300, 300), bool) & ~np.eye(300, dtype=bool)
    for column in (patches.brain, patches.side, patches.split):
        alike &= column[:, None] == column
    for i in range(300):
        within = np.flatnonzero(alike[i] & (along[i] <= 2))
        assert (i in partner) == bool(len(within))
        if len(within):
            assert partner[i] in within
            other = patches.section[within] != patches.section[i]
            assert not other.any() or patches.section[partner[i]] != patches.section[i]
    np.testing.assert_allclose(found.distance_mm, along[found.first, found.second])
    assert len(found) > 50


def test_partners_are_drawn_at_random_and_by_the_generator_alone(rng: np.random.Generator):
    patches, places = _patches(rng, 300), rng.uniform(0, 3, (300, 3))
    one, same, other = (_draw(patches, places, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.second, same.second)
    assert not np.array_equal(one.second, other.second)
    assert np.median(one.distance_mm) > 0.5 * one.distance_mm.max()  # not the nearest


def test_the_patches_are_asked_for_in_portions_that_change_nothing(rng, monkeypatch):
    patches, places = _patches(rng, 100), rng.uniform(0, 4, (100, 3))
    whole = _draw(patches, places, np.random.default_rng(1))
    monkeypatch.setattr(near, "AT_ONCE", 7)
    assert np.array_equal(_draw(patches, places, np.random.default_rng(1)).second, whole.second)


def test_what_cannot_be_measured_is_no_neighbour(rng: np.random.Generator):
    patches, places = _patches(rng, 100), rng.uniform(0, 4, (100, 3))
    assert not len(_draw(patches, places, rng, longer=np.nan))


def test_near_pairs_are_added_until_they_are_as_many():
    hubs = _pairs([0] * 6, [1, 2, 3, 4, 5, 6])
    few = add_near(hubs, _pairs([7, 9], [8, 10]))
    assert few.first.tolist() == [0] * 6 + [7, 9] * 3
    assert few.distance_mm.tolist() == [1, 2, 3, 4, 5, 6] + [1] * 6
    many = add_near(hubs, _pairs(list(range(20, 32)), list(range(40, 52))))
    assert many.second.tolist() == [1, 2, 3, 4, 5, 6, 40, 42, 44, 46, 48, 50]
    with pytest.raises(ValueError, match="near each other, got none; enlarge radius_mm"):
        add_near(hubs, hubs.take(np.zeros(6, bool)))


def test_near_pairs_of_patches_in_no_other_pair_are_left_out():
    found = near_among(_pairs([1, 2, 3], [2, 9, 1]), _pairs([0, 0, 0], [1, 2, 3]))
    assert list(zip(found.first, found.second, strict=True)) == [(1, 2), (3, 1)]


def test_a_patch_that_occurs_twice_in_a_batch_is_run_once():
    pairs = _pairs([0] * 6, [1, 2, 3, 4, 5, 6])
    assert patches_run(pairs, 3) == 2 * (3 + 1)
    assert patches_run(pairs, 6) == 7


def test_as_many_near_pairs_make_an_epoch_as_run_the_patches_of_one_of_hubs(rng: np.random.Generator):
    hubs = _pairs([0] * 600, list(range(1, 601)))  # 60 batches of 11 patches
    near_ones = _pairs(list(range(0, 600, 2)), list(range(1, 601, 2)))  # 20 in each batch
    assert equal_work(near_ones, hubs, 10) == 330
    assert equal_work(hubs, hubs, 10) == 600
    assert equal_work(near_ones.take(np.arange(4)), hubs, 10) == 10 * round(660 / 8)
