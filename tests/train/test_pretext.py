"""The terms of one batch against numpy, with f and d taken from the network as they are."""

import numpy as np
import pytest
import torch

from gennari.data.pair_batches import PairBatch
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig
from gennari.train.pretext import gradient_shares, pretext_terms
from gennari.train.settings import Phase, PretrainSettings

CONFIG = TextureConfig(spacing_um=32, patch_px=16, channels=(4, 6), convs=(1, 1), padding="same", features=8)
PHASE = Phase(steps=1, rate=1.0)
TERMS = ("distance", "coordinate", "curvature", "plane")


@pytest.fixture
def batch(rng: np.random.Generator) -> PairBatch:
    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=shape).astype(np.float32))

    return PairBatch(
        images=normal(7, 1, 16, 16),
        places_mm=60 * normal(7, 3),
        first=torch.tensor([0, 0, 0, 1, 2]),
        second=torch.tensor([3, 4, 5, 6, 6]),
        distance_mm=80 * normal(5).abs(),
        rows=torch.arange(7),
        further=normal(7, 2),
    )


def _net(further: tuple[str, ...] = (), scale_mm: float = 20.0) -> SiameseNet:
    net = SiameseNet(CONFIG, torch.Generator().manual_seed(2), further).eval()
    net.scale_mm.fill_(scale_mm)
    net.centre_mm.copy_(torch.tensor([1.0, -2.0, 3.0]))
    if further:
        net.further_mean.copy_(torch.tensor([0.3, -0.4]))
        net.further_sd.copy_(torch.tensor([0.5, 2.0]))
    return net


def _settings(**changes: object) -> PretrainSettings:
    return PretrainSettings.model_validate({"alpha": 3.0, "weight_penalty": 0.01, **changes})


def _values(net: SiameseNet, batch: PairBatch, **changes: object) -> dict[str, float]:
    terms = pretext_terms(net, _settings(**changes))(net, batch, PHASE)
    return {name: float(value.detach()) for name, value in terms.items()}


def _numpy(net: SiameseNet, batch: PairBatch) -> dict[str, float]:
    """Each term of eq. (3) with f and d as the network gives them."""
    f, read = (t.detach().numpy().astype(float) for t in net(batch.images))
    one, two, scale = batch.first.numpy(), batch.second.numpy(), float(net.scale_mm)
    places = (batch.places_mm.numpy() - net.centre_mm.numpy()) / scale
    off = np.abs(read[:, :3] - places).mean(axis=1)
    out = {
        "distance": np.abs(((f[one] - f[two]) ** 2).sum(axis=1) - batch.distance_mm.numpy() / scale).mean(),
        "coordinate": (off[one] + off[two]).mean(),
    }
    for i, name in enumerate(net.further):
        target = (batch.further.numpy()[:, i] - net.further_mean.numpy()[i]) / net.further_sd.numpy()[i]
        off = np.abs(read[:, 3 + i] - target)
        out[name] = (off[one] + off[two]).mean()
    return out


@pytest.mark.parametrize("squared", [True, False])
def test_the_loss_is_eq_3_with_all_its_terms(squared: bool, batch: PairBatch):
    net = _net(("curvature", "plane"))
    got = _values(net, batch, squared_norm=squared, curvature_weight=0.5, plane_weight=0.25)
    want = _numpy(net, batch)
    for name in TERMS:
        assert got[f"{name}_loss"] == pytest.approx(want[name], rel=1e-4)
    squares = sum(float((p.detach().double() ** 2).sum()) for p in net.texture.parameters())
    norm = squares if squared else np.sqrt(squares)
    assert got["weight_norm"] == pytest.approx(norm, rel=1e-5)
    terms = want["distance"] + 3 * want["coordinate"] + 0.5 * want["curvature"] + 0.25 * want["plane"]
    assert got["loss"] == pytest.approx(terms + 0.01 * norm, rel=1e-4)


def test_the_norm_takes_convolutions_biases_and_batch_norm_and_no_dense_layer(batch: PairBatch):
    net = _net(("curvature", "plane"))
    terms = pretext_terms(net, _settings(curvature_weight=1.0, plane_weight=1.0))(net, batch, PHASE)
    gradients = torch.autograd.grad(terms["weight_norm"], list(net.parameters()), allow_unused=True)
    inside = {name for (name, _), g in zip(net.named_parameters(), gradients, strict=True) if g is not None}
    layers = ("stem", "blocks.0.conv1", "blocks.0.norm1", "blocks.1.conv1", "blocks.1.norm1")
    assert inside == {f"texture.{layer}.{part}" for layer in layers for part in ("weight", "bias")}
    for (name, p), g in zip(net.named_parameters(), gradients, strict=True):
        if name in inside:
            torch.testing.assert_close(g, 2 * p)


@pytest.mark.parametrize("changes", [{}, {"use_coordinates": False}, {"use_distance": False}])
def test_a_target_that_is_off_is_measured_and_not_minimised(changes: dict[str, bool], batch: PairBatch):
    net = _net()
    got, want = _values(net, batch, **changes), _numpy(net, batch)
    on = {"distance": changes.get("use_distance", True), "coordinate": changes.get("use_coordinates", True)}
    expected = on["distance"] * want["distance"] + 3 * on["coordinate"] * want["coordinate"]
    assert got["loss"] - 0.01 * got["weight_norm"] == pytest.approx(expected, rel=1e-4)
    for name in ("distance", "coordinate"):
        assert got[f"{name}_loss"] == pytest.approx(want[name], rel=1e-4)
        assert (got[f"{name}_share"] > 0) == on[name]


def test_the_shares_are_those_of_the_gradients_on_f_and_sum_to_one(batch: PairBatch):
    net = _net(("curvature", "plane"))
    weights = {"distance": 1.0, "coordinate": 3.0, "curvature": 0.5, "plane": 0.25}
    got = _values(net, batch, curvature_weight=0.5, plane_weight=0.25)
    f, read = (t.detach().numpy().astype(float) for t in net(batch.images))
    one, two, scale = batch.first.numpy(), batch.second.numpy(), float(net.scale_mm)
    gradient = {name: np.zeros_like(f) for name in weights}
    error = np.sign(((f[one] - f[two]) ** 2).sum(axis=1) - batch.distance_mm.numpy() / scale)[:, None]
    np.add.at(gradient["distance"], one, error * 2 * (f[one] - f[two]) / len(one))
    np.add.at(gradient["distance"], two, error * 2 * (f[two] - f[one]) / len(one))
    targets = [
        (batch.places_mm.numpy() - net.centre_mm.numpy()) / scale,
        *((batch.further.numpy() - net.further_mean.numpy()) / net.further_sd.numpy()).T[:, :, None],
    ]
    assert net.further_head is not None
    heads = [net.head.weight, *net.further_head.weight[:, None]]
    columns = [read[:, :3], read[:, 3:4], read[:, 4:5]]
    for name, target, head, column in zip(TERMS[1:], targets, heads, columns, strict=True):
        back = np.sign(column - target) @ head.detach().numpy() / (len(one) * column.shape[1])
        for ends in (one, two):
            np.add.at(gradient[name], ends, back[ends])
    norms = {name: weights[name] * np.linalg.norm(value) for name, value in gradient.items()}
    for name, norm in norms.items():
        assert got[f"{name}_share"] == pytest.approx(norm / sum(norms.values()), rel=1e-3)
    assert sum(got[f"{name}_share"] for name in TERMS) == pytest.approx(1)


def test_shares_of_nothing_are_zero():
    f = torch.ones(2, 3, requires_grad=True)
    assert float(gradient_shares({"a": (0 * f).sum()}, f)["a"]) == 0


def test_scaling_targets_and_the_unit_alike_gives_the_same_network_units(batch: PairBatch):
    plain = _values(_net(scale_mm=20), batch)
    net = _net(scale_mm=60)
    net.centre_mm.mul_(3)
    far = batch._replace(places_mm=3 * batch.places_mm, distance_mm=3 * batch.distance_mm)
    assert _values(net, far) == pytest.approx(plain, rel=1e-4)
    assert _values(_net(scale_mm=60), batch)["distance_loss"] != pytest.approx(plain["distance_loss"], rel=1e-2)
