import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from gennari.data.augmentation import Augmentation
from gennari.data.patch_images import ImagesInMemory
from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.execute import Tick
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig
from gennari.nets.weights import load_siamese, read_tensors
from gennari.records import PairTable, PatchTable
from gennari.train.distances import predict_distances
from gennari.train.pretrain import PretrainResult, kept_weights, pretrain
from gennari.train.settings import Optimiser, PretrainSettings

CONFIG = TextureConfig(spacing_um=32, patch_px=16, channels=(4, 6), convs=(1, 1), padding="same", features=8)
SETTINGS = PretrainSettings(
    epochs=4,
    batch=20,
    alpha=1.0,
    distance_scale_mm=20,
    rate=0.02,
    checkpoint_every=3,
    log_every=4,
    augmentation=Augmentation(mirror=0.5, gain=0.1),
)


class World:
    """Patches on a line, as bright as their place; distances along it."""

    def __init__(self, rng: np.random.Generator, n: int = 80):
        place = rng.uniform(0, 100, n)
        noise = rng.normal(0, 5, (n, 16, 16))
        self.images = np.clip(2 * place[:, None, None] + 20 + noise, 0, 255).astype(np.uint8)
        zeros = np.zeros(n)
        self.patches = PatchTable(
            brain=np.full(n, "P"),
            section=np.zeros(n, np.int32),
            side=np.full(n, "L"),
            centre_um=np.zeros((n, 2)),
            face=np.zeros(n, np.int32),
            weights=np.full((n, 3), 1 / 3),
            vertex=np.zeros(n, np.int32),
            brain_mm=np.zeros((n, 3)),
            inflated_mm=np.column_stack([place + 300, zeros, zeros]),
            plane_angle_deg=zeros,
            rotation_deg=zeros,
            curvature_per_mm=zeros,
            other_sheet_mm=zeros,
            tissue_share=zeros,
            split=np.full(n, "train"),
        )
        order = np.arange(n)
        other = (order + rng.integers(1, n, n)) % n
        self.pairs = PairTable(
            first=order.astype(np.int32), second=other.astype(np.int32), distance_mm=np.abs(place - place[other])
        )
        self.normalisation = Normalisation(mean=0.5, std=0.2)

    def train(self, out: Path, settings: PretrainSettings = SETTINGS, stop_at: int | None = None) -> PretrainResult:
        def tick(tick: Tick) -> None:
            if tick.done == stop_at:
                raise KeyboardInterrupt

        return pretrain(
            settings,
            CONFIG,
            ImagesInMemory(images=self.images),
            self.patches,
            self.pairs,
            self.normalisation,
            out,
            tick,
            validation=self.pairs,
            fabric=Fabric(accelerator="cpu", devices=1),
        )


@pytest.fixture
def world(rng: np.random.Generator) -> World:
    return World(rng)


def _weights(result: PretrainResult) -> dict[str, torch.Tensor]:
    return read_tensors(result.weights)[0]


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
@pytest.mark.parametrize("stop_at", [1, 6, 11, 15])
def test_a_killed_and_resumed_run_ends_with_the_same_bits(optimiser: str, stop_at: int, world: World, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"optimiser": Optimiser.model_validate({"name": optimiser})})
    straight = world.train(tmp_path / "straight", settings)
    with pytest.raises(KeyboardInterrupt):
        world.train(tmp_path / "killed", settings, stop_at)
    resumed = world.train(tmp_path / "killed", settings)
    assert _same(_weights(straight), _weights(resumed))
    assert straight.history == resumed.history


def test_a_finished_run_is_not_trained_again(world: World, tmp_path: Path):
    first = world.train(tmp_path)
    again = world.train(tmp_path, stop_at=1)
    assert again.history == first.history
    assert _same(_weights(first), _weights(again))


def test_the_network_learns_the_distances(world: World, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"epochs": 40, "log_every": None, "augmentation": Augmentation()})
    history = world.train(tmp_path, settings).history
    assert len(history) == 40
    assert [row.epoch for row in history[:3]] == [1, 2, 3]
    trivial = np.abs(world.pairs.distance_mm - np.median(world.pairs.distance_mm)).mean()
    assert history[-1].err_dist_mm < 0.6 * trivial
    assert history[-1].coordinate_loss < 0.5 * history[0].coordinate_loss


def test_predicted_distances_are_those_of_the_saved_network(world: World, tmp_path: Path):
    result = world.train(tmp_path)
    net = load_siamese(result.weights)
    predicted = predict_distances(net, ImagesInMemory(images=world.images), world.normalisation, world.pairs, batch=7)
    error = np.abs(predicted - world.pairs.distance_mm).mean()
    assert error == pytest.approx(result.history[-1].err_dist_mm, rel=1e-4)
    x = torch.from_numpy(((world.images / 255 - 0.5) / 0.2).astype(np.float32)[:, None])
    with torch.inference_mode():
        f, places = net.features(x), net.coordinates_mm(net.features(x))
    first, second = world.pairs.first, world.pairs.second
    np.testing.assert_allclose(predicted, 20 * ((f[first] - f[second]) ** 2).sum(1), rtol=1e-3, atol=1e-3)
    by_place = predict_distances(
        net, ImagesInMemory(images=world.images), world.normalisation, world.pairs, by="coordinates"
    )
    np.testing.assert_allclose(by_place, (places[first] - places[second]).norm(dim=1), rtol=1e-3, atol=1e-2)


def test_predicting_leaves_the_network_in_its_mode(world: World):
    net = SiameseNet(CONFIG).train()
    predict_distances(net, ImagesInMemory(images=world.images), world.normalisation, world.pairs)
    assert net.training


def test_places_are_centred_on_the_training_mean_and_scaled(world: World, tmp_path: Path):
    net = load_siamese(world.train(tmp_path).weights)
    np.testing.assert_allclose(net.centre_mm, world.patches.inflated_mm.mean(axis=0), rtol=1e-5)
    assert float(net.scale_mm) == 20


def test_a_target_that_is_switched_off_has_no_part_in_the_gradient(world: World, tmp_path: Path):
    far = {"use_coordinates": False}
    assert {row.distance_share for row in world.train(tmp_path / "d", SETTINGS.model_copy(update=far)).history} == {1.0}
    where = {"use_distance": False}
    history = world.train(tmp_path / "c", SETTINGS.model_copy(update=where)).history
    assert {row.distance_share for row in history} == {0.0}
    assert history[0].loss == pytest.approx(history[0].coordinate_loss + 0.001 * history[0].weight_norm, rel=1e-5)
    both = world.train(tmp_path / "b").history
    assert all(0.05 < row.distance_share < 0.95 for row in both)


@pytest.mark.slow
def test_further_targets_are_learned_by_heads_that_come_back_with_the_weights(world: World, tmp_path: Path):
    place = world.patches.inflated_mm[:, 0] - 300
    angle = np.degrees(np.arccos(0.7 * place / 100))
    world.patches = dataclasses.replace(world.patches, curvature_per_mm=0.01 * place - 0.3, plane_angle_deg=angle)
    settings = SETTINGS.model_copy(update={"epochs": 40, "curvature_weight": 1.0, "plane_weight": 0.5})
    result = world.train(tmp_path, settings)
    first, last = result.history[0], result.history[-1]
    assert last.curvature_loss < 0.5 * first.curvature_loss
    assert last.plane_loss < 0.5 * first.plane_loss
    for row in result.history:
        shares = (row.distance_share, row.coordinate_share, row.curvature_share, row.plane_share)
        assert sum(shares) == pytest.approx(1, rel=1e-5)
        assert min(shares) > 0
    net = load_siamese(result.weights)
    assert net.further == ("curvature", "plane")
    targets = np.column_stack([world.patches.curvature_per_mm, 0.7 * place / 100])
    np.testing.assert_allclose(net.further_mean, targets.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(net.further_sd, targets.std(axis=0), rtol=1e-5)
    x = torch.from_numpy(((world.images / 255 - 0.5) / 0.2).astype(np.float32)[:, None])
    with torch.inference_mode():
        read = net(x)[1][:, 3:] * net.further_sd + net.further_mean
    assert np.corrcoef(read[:, 0], targets[:, 0])[0, 1] > 0.8
    assert np.corrcoef(read[:, 1], targets[:, 1])[0, 1] > 0.8


def test_without_further_targets_no_head_is_built_and_nothing_else_changes(world: World, tmp_path: Path):
    plain = world.train(tmp_path / "a")
    assert {(row.curvature_loss, row.plane_share) for row in plain.history} == {(0, 0)}
    asked = world.train(tmp_path / "b", SETTINGS.model_copy(update={"curvature_weight": 1e-30, "epochs": 1}))
    names = _weights(asked).keys() - _weights(plain).keys()
    assert names == {"further_head.weight", "further_head.bias", "further_mean", "further_sd"}
    assert asked.history[0].loss == pytest.approx(plain.history[0].loss, rel=1e-5)


def test_alpha_and_the_weight_penalty_reach_the_loss(world: World, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"alpha": 3.0, "weight_penalty": 0.01, "squared_norm": False})
    row = world.train(tmp_path, settings).history[0]
    assert row.loss == pytest.approx(row.distance_loss + 3 * row.coordinate_loss + 0.01 * row.weight_norm, rel=1e-5)


def test_accumulated_batches_make_fewer_steps(world: World, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"batch": 60, "micro_batch": 20, "log_every": 1})
    history = world.train(tmp_path, settings).history
    assert len(history) == 8
    assert history[-1].epoch == 4


def test_a_loss_that_is_not_finite_stops_naming_step_and_patches(world: World, tmp_path: Path):
    broken = world.patches.inflated_mm.copy()
    broken[7] = np.nan
    world.patches = dataclasses.replace(world.patches, inflated_mm=broken)
    law = r"at step 0 of pretrain it was nan for patches (\d+, )+\d+; try a lower .*, no checkpoint was written yet"
    with pytest.raises(InputError, match=law):
        world.train(tmp_path)


def test_a_diverging_run_stops_and_keeps_its_last_checkpoint(world: World, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"rate": 1e18, "checkpoint_every": 1})
    with pytest.raises(InputError, match="the loss must stay finite; at step 1"):
        world.train(tmp_path, settings)
    assert (tmp_path / "checkpoint.safetensors").is_file()
    assert not (tmp_path / "weights.safetensors").exists()


def test_clipping_keeps_the_same_run_finite(world: World, tmp_path: Path):
    settings = SETTINGS.model_copy(update={"rate": 100.0, "optimiser": Optimiser(clip_norm=1e-3)})
    assert all(np.isfinite(row.loss) for row in world.train(tmp_path, settings).history)


def test_a_checkpoint_of_other_settings_or_data_is_refused(world: World, tmp_path: Path):
    world.train(tmp_path)
    with pytest.raises(InputError, match="same settings and data"):
        world.train(tmp_path, SETTINGS.model_copy(update={"alpha": 2.0}))
    world.pairs = dataclasses.replace(world.pairs, distance_mm=world.pairs.distance_mm + 1)
    with pytest.raises(InputError, match="same settings and data"):
        world.train(tmp_path)


def test_a_half_written_checkpoint_is_refused(world: World, tmp_path: Path):
    world.train(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match="whole safetensors file"):
        world.train(tmp_path)


def test_weights_kept_on_the_way_are_those_of_their_step_and_change_nothing(world: World, tmp_path: Path):
    plain = world.train(tmp_path / "plain")
    kept = world.train(tmp_path / "kept", SETTINGS.model_copy(update={"keep_every": 5}))
    on_the_way = kept_weights(tmp_path / "kept")
    assert list(on_the_way) == list(range(5, kept.history[-1].step + 1, 5))
    assert not kept_weights(tmp_path / "plain")
    assert _same(_weights(plain), _weights(kept))
    assert not _same(read_tensors(on_the_way[5])[0], _weights(kept))
    one_less = SETTINGS.model_copy(update={"keep_every": kept.history[-1].step})
    world.train(tmp_path / "last", one_less)
    assert _same(read_tensors(kept_weights(tmp_path / "last")[kept.history[-1].step])[0], _weights(kept))
