"""Batches made ahead are those made at once, in their order, and a loader's error is the user's."""

import multiprocessing
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from gennari.data import prefetch
from gennari.data.augmentation import Augmentation
from gennari.data.pack import Pack, write_pack
from gennari.data.pair_batches import PairBatch, PairBatches
from gennari.data.patch_images import ImagesInMemory
from gennari.data.pixels import Normalisation
from gennari.data.prefetch import Prefetched
from gennari.errors import InputError
from gennari.records import PairTable
from gennari.train.loop import _of_rank
from gennari.train.pretrain import _batch, _parts


@pytest.fixture
def batches(rng: np.random.Generator, make_patches, tmp_path: Path) -> PairBatches:
    images = rng.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    write_pack(tmp_path / "p.zarr", [ImagesInMemory(images=images)], "")
    first = rng.integers(0, 20, 50).astype(np.int32)
    return PairBatches(
        images=Pack(path=tmp_path / "p.zarr"),
        patches=make_patches(40),
        pairs=PairTable(first=first, second=first + np.int32(20), distance_mm=rng.uniform(1, 200, 50)),
        normalisation=Normalisation(mean=0.5, std=0.2),
        batch=16,
        seed=4,
        augmentation=Augmentation(mirror=0.5, gain=0.2, gamma=0.2),
    )


def made_from(batches: PairBatches) -> Callable[[int], Sequence[PairBatch]]:
    """Two micro-batches a step, six steps; a spawned loader knows the library and not this module."""
    return partial(_of_rank, partial(_parts, batches.per_epoch, 2, 2), partial(_batch, batches, 2, 2), 0, 1)


def same(one: Sequence[PairBatch], other: Sequence[PairBatch]) -> bool:
    return all(torch.equal(x, y) for a, b in zip(one, other, strict=True) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
@pytest.mark.usefixtures("all_cores")  # torch warns of more loaders than cores
def test_loaders_give_the_same_batches_in_the_same_order(batches: PairBatches) -> None:
    make = made_from(batches)
    seeds = torch.random.get_rng_state()
    for loaders, steps in ((2, range(6)), (1, (3, 4, 0))):  # in their order, resumed, and out of order
        with Prefetched(make, 6, loaders) as ahead:
            for step in steps:
                assert same(ahead(step), make(step))
    assert torch.equal(torch.random.get_rng_state(), seeds)  # the training's own draws stay what they are


def test_without_loaders_each_batch_is_made_when_it_is_asked_for(batches: PairBatches) -> None:
    with Prefetched(made_from(batches), 6) as ahead:
        assert same(ahead(4), made_from(batches)(4))
        assert same(ahead(1), made_from(batches)(1))
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_an_input_error_comes_out_of_a_loader_with_its_own_sentence(batches: PairBatches) -> None:
    images = batches.images
    assert isinstance(images, Pack)
    shard = images.path / "images/c/0/0/0"
    shard.write_bytes(shard.read_bytes()[:50])
    with Prefetched(made_from(batches), 6, 1) as ahead, pytest.raises(InputError) as caught:
        ahead(0)
    assert str(caught.value) == f"{images.path} must hold whole images, but one is damaged or lost; pack them anew"


@pytest.mark.slow
def test_any_other_error_comes_with_the_loaders_traceback(batches: PairBatches) -> None:
    with Prefetched(batches.get, 6, 1) as ahead, pytest.raises(TypeError, match="Original Traceback"):
        ahead(0)  # `get` wants an epoch and an index
    assert multiprocessing.active_children() == []


@pytest.mark.slow
@pytest.mark.parametrize("how", [RuntimeError, KeyboardInterrupt])
def test_no_loader_is_left_behind(how: type[BaseException], batches: PairBatches) -> None:
    def work() -> None:
        with Prefetched(made_from(batches), 6, 1) as ahead:
            ahead(0)
            assert len(multiprocessing.active_children()) == 1
            raise how

    with pytest.raises(how):
        work()
    assert multiprocessing.active_children() == []


def test_fewer_than_no_loaders_are_refused(batches: PairBatches) -> None:
    with pytest.raises(InputError, match=r"0 .* or more loaders, got -1"):
        Prefetched(made_from(batches), 6, -1)


def test_the_share_of_waiting_is_that_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a batch takes 1 s and a step 3 s; before the first batch of a row, a validation of 50 s."""
    now = 0.0

    def pass_by(seconds: float) -> None:
        nonlocal now
        now += seconds

    def make(step: int) -> list[int]:
        pass_by(1)
        return [step]

    monkeypatch.setattr(prefetch.time, "perf_counter", lambda: now)
    with Prefetched(make, 10) as ahead:
        assert ahead.wait_share() == 0
        for _row in range(2):
            pass_by(50)
            for step in range(4):
                assert ahead(step) == [step]
                pass_by(3)
            assert ahead.wait_share() == pytest.approx(1 / 4)
