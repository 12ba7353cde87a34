"""A contrast in the pretext task: alone, beside other terms, resumed, and how much it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from gennari.data.augmentation import Augmentation
from gennari.data.pair_batches import PairBatch, PairBatches
from gennari.errors import InputError
from gennari.execute import Tick
from gennari.nets.weights import load_siamese, read_tensors
from gennari.records import PairTable
from gennari.train.contrast import Contrast
from gennari.train.distances import predict_distances
from gennari.train.pretrain import PretrainResult
from gennari.train.settings import PretrainSettings

SETTINGS = PretrainSettings(
    epochs=4, batch=20, alpha=1.0, distance_scale_mm=20, rate=0.02, checkpoint_every=3, log_every=4
)
ALONE = {"use_distance": False, "use_coordinates": False}


@dataclass
class World:
    """Patches on a line, and pairs of neighbours on it."""

    batches: PairBatches
    near: PairTable
    run: Callable[..., PretrainResult]

    def train(self, out: Path, settings: PretrainSettings, stop_at: int | None = None) -> PretrainResult:
        """Pre-train; at a step it may be stopped."""

        def tick(tick: Tick) -> None:
            if tick.done == stop_at:
                raise KeyboardInterrupt

        return self.run(out, tick=tick, settings=settings, batches=self.batches, near=self.near)


@pytest.fixture
def world(toy: ModuleType, cpu: Fabric) -> World:
    batches = toy.pair_batches()
    place = batches.patches.inflated_mm[:, 0]
    order = np.argsort(place).astype(np.int32)
    one, two = order[:-1], order[1:]
    near = PairTable(first=one, second=two, distance_mm=np.abs(place[one] - place[two]))
    return World(batches, near, lambda out, **given: toy.run_pretrain(out, cpu, **given))


def _weights(result: PretrainResult) -> dict[str, torch.Tensor]:
    return read_tensors(result.weights)[0]


@pytest.mark.parametrize("others", [ALONE, {"use_distance": False}, {}], ids=["alone", "coordinates", "L"])
@pytest.mark.parametrize("kind", [pytest.param("hard", marks=pytest.mark.slow), "soft"])
def test_a_contrast_is_learned_alone_and_beside_the_others(kind: str, others: dict, world: World, tmp_path: Path):
    contrast = Contrast.model_validate({"kind": kind, "weight": 0.5, "mask_mm": 8.0, "projection": 4})
    settings = SETTINGS.model_copy(
        update={**others, "contrast": contrast, "epochs": 25, "log_every": None, "augmentation": Augmentation()}
    )
    result = world.train(tmp_path, settings)
    first, last = result.history[0], result.history[-1]
    assert last.contrast_loss < 0.9 * first.contrast_loss
    for row in result.history:
        shares = (row.distance_share, row.coordinate_share, row.contrast_share)
        assert sum(shares) == pytest.approx(1, rel=1e-5)
        on = (others.get("use_distance", True), others.get("use_coordinates", True), True)
        assert tuple(share > 0 for share in shares) == on
        terms = on[0] * row.distance_loss + on[1] * row.coordinate_loss + 0.5 * row.contrast_loss
        assert row.loss == pytest.approx(terms + 0.001 * row.weight_norm, rel=1e-4)
        assert np.isfinite(row.err_dist_mm)
    assert not [name for name in _weights(result) if "projection" in name]
    assert load_siamese(result.weights).projection is None


def test_a_contrast_alone_is_judged_by_its_features_after_a_line(world: World, tmp_path: Path):
    settings = SETTINGS.model_copy(update={**ALONE, "contrast": Contrast(), "epochs": 2})
    result = world.train(tmp_path, settings)
    net, b = load_siamese(result.weights), world.batches
    predicted = predict_distances(net, b.images, b.normalisation, b.pairs, "features").astype(float)
    slope, offset = np.polyfit(predicted, b.pairs.distance_mm, 1)
    error = np.abs(slope * predicted + offset - b.pairs.distance_mm).mean()
    assert result.history[-1].err_dist_mm == pytest.approx(error, rel=1e-3)


@pytest.mark.slow
def test_a_contrast_takes_as_many_patches_as_the_same_without_it(world: World, tmp_path: Path, monkeypatch):
    """Alone it reads near pairs only; beside others as many of either kind, in the mean."""
    seen: list[tuple[int, np.ndarray]] = []
    get = PairBatches.get

    def watched(batches: PairBatches, epoch: int, index: int) -> PairBatch:
        batch = get(batches, epoch, index)
        seen.append((len(batch.rows), batch.distance_mm.numpy()))
        return batch

    monkeypatch.setattr(PairBatches, "get", watched)
    passes, near_ones = {}, {}
    for name, update in (("L", {}), ("both", {"contrast": Contrast()}), ("alone", {**ALONE, "contrast": Contrast()})):
        seen.clear()
        world.train(tmp_path / name, SETTINGS.model_copy(update={"batch": 5, "epochs": 8, **update}))
        passes[name] = sum(count for count, _ in seen)
        drawn = np.concatenate([distances for _, distances in seen])
        near_ones[name] = np.isin(drawn, world.near.distance_mm.astype(np.float32)).mean()
    assert passes["both"] == pytest.approx(passes["L"], rel=0.08)
    assert passes["alone"] == pytest.approx(passes["L"], rel=0.08)
    assert near_ones["alone"] == 1
    assert near_ones["both"] == pytest.approx(0.5, abs=0.07)


def test_a_contrast_without_near_pairs_is_refused(world: World, tmp_path: Path):
    world.near = world.near.take(np.zeros(len(world.near), bool))
    with pytest.raises(InputError, match=r"pairs within 2 mm of each other, got none; give `near`, enlarge radius_mm"):
        world.train(tmp_path, SETTINGS.model_copy(update={"contrast": Contrast()}))


def test_a_killed_and_resumed_contrast_ends_with_the_same_bits(world: World, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"contrast": Contrast(projection=4)})
    straight = world.train(tmp_path / "straight", settings)
    with pytest.raises(KeyboardInterrupt):
        world.train(tmp_path / "killed", settings, 6)
    resumed = world.train(tmp_path / "killed", settings)
    one, other = _weights(straight), _weights(resumed)
    assert all(torch.equal(other[name], value) for name, value in one.items())
    assert straight.history == resumed.history
