"""The contrastive term of one batch against loops over its patches."""

import numpy as np
import pytest
import torch

from gennari.data.pair_batches import PairBatch
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig
from gennari.train.contrast import Contrast
from gennari.train.contrast_term import Keys, alike_and_not, contrast_term, distances_mm

CONFIG = TextureConfig(spacing_um=32, patch_px=16, channels=(4, 6), convs=(1, 1), padding="same", features=8)


@pytest.fixture
def batch(rng: np.random.Generator) -> PairBatch:
    return PairBatch(
        images=torch.zeros(6, 1, 16, 16),
        places_mm=torch.from_numpy(rng.uniform(-6, 6, (6, 3)).astype(np.float32)) + 100,
        first=torch.tensor([0, 0, 2]),
        second=torch.tensor([1, 3, 4]),
        distance_mm=torch.tensor([1.5, 90.0, 0.7]),
        rows=torch.arange(6) + 10,
        further=torch.zeros(6, 0),
    )


def _net(projection: int | None = None) -> SiameseNet:
    return SiameseNet(CONFIG, torch.Generator().manual_seed(2), (), projection)


def _distances(batch: PairBatch) -> np.ndarray:
    places = batch.places_mm.numpy().astype(float)
    found = np.array([[np.linalg.norm(a - b) for b in places] for a in places])
    for i, j, d in zip(batch.first.tolist(), batch.second.tolist(), batch.distance_mm.tolist(), strict=True):
        found[i, j] = found[j, i] = d
    return found


def _own(batch: PairBatch) -> Keys:
    return Keys(torch.zeros(6, 2), batch.places_mm, batch.rows)


def test_positives_are_measured_and_near_and_negatives_far_on_the_inflated_surface(batch: PairBatch):
    positive, negative = alike_and_not(batch, _own(batch), Contrast(radius_mm=2.0, mask_mm=6.0))
    near = {(0, 1), (1, 0), (2, 4), (4, 2)}
    places = batch.places_mm.numpy()
    for i in range(6):
        for j in range(6):
            assert bool(positive[i, j]) == ((i, j) in near)
            assert bool(negative[i, j]) == ((i, j) not in near and np.linalg.norm(places[i] - places[j]) >= 6)


def test_distances_are_those_along_the_cortex_where_they_were_measured(batch: PairBatch):
    np.testing.assert_allclose(distances_mm(batch, _own(batch)), _distances(batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("projection", [None, 5])
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_the_term_is_that_of_a_loop_over_anchors(kind, projection, batch: PairBatch, rng: np.random.Generator):
    contrast = Contrast(kind=kind, temperature=0.3, radius_mm=2.0, mask_mm=6.0, width_mm=3.0, projection=projection)
    net, f = _net(projection), torch.from_numpy(rng.normal(size=(6, 8)).astype(np.float32))
    v = f.numpy().astype(float)
    if net.projection is not None:
        one, _, two = net.projection
        w1, b1, w2, b2 = (p.detach().numpy().astype(float) for p in (one.weight, one.bias, two.weight, two.bias))
        v = np.maximum(v @ w1.T + b1, 0) @ w2.T + b2
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    s, d = np.exp(v @ v.T / 0.3), _distances(batch)
    straight = np.linalg.norm(batch.places_mm.numpy()[:, None] - batch.places_mm.numpy(), axis=2)
    each, counts = [], []
    for i in range(6):
        others = [k for k in range(6) if k != i]
        if kind == "hard":
            near = [k for k in others if d[i, k] <= 2 and (i, k) in {(0, 1), (1, 0), (2, 4), (4, 2)}]
            far = sum(s[i, k] for k in others if straight[i, k] >= 6 and k not in near)
            each += [-np.log(s[i, j] / (s[i, j] + far)) for j in near]
            counts += [1.0 for _ in near]
        else:
            w, p = np.exp(-(d[i, others] ** 2) / 18), s[i, others] / s[i, others].sum()
            each.append(-(w / w.sum() * np.log(p)).sum())
            counts.append(w.max())
    want = np.average(each, weights=counts)
    got = contrast_term(net, contrast, f, batch)
    assert float(got.detach()) == pytest.approx(want, rel=1e-4)


def test_it_is_computed_in_float32_under_autocast(batch: PairBatch, rng: np.random.Generator):
    f = torch.from_numpy(rng.normal(size=(6, 8)).astype(np.float32)).bfloat16()
    net = _net(5)
    for kind in ("hard", "soft"):
        contrast = Contrast.model_validate({"kind": kind, "temperature": 0.01, "projection": 5})
        plain = contrast_term(net, contrast, f.float(), batch)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(contrast_term(net, contrast, f, batch), plain)


def test_patches_of_others_are_keys_and_the_batchs_own_stay_where_they_are(batch: PairBatch, rng: np.random.Generator):
    """Two halves, each an anchor against both, are in the mean what one batch of both is."""
    f = torch.from_numpy(rng.normal(size=(12, 8)).astype(np.float32))
    twin = batch._replace(places_mm=batch.places_mm + 20, rows=batch.rows + 6)
    whole = PairBatch(
        images=torch.zeros(12, 1, 16, 16),
        places_mm=torch.cat([batch.places_mm, twin.places_mm]),
        first=torch.cat([batch.first, twin.first + 6]),
        second=torch.cat([batch.second, twin.second + 6]),
        distance_mm=torch.cat([batch.distance_mm, twin.distance_mm]),
        rows=torch.cat([batch.rows, twin.rows]),
        further=torch.zeros(12, 0),
    )
    for kind in ("hard", "soft"):
        contrast = Contrast.model_validate({"kind": kind, "mask_mm": 6.0})
        vectors = torch.nn.functional.normalize(f, dim=1)
        net, halves = _net(), []
        for start, half in ((0, batch), (6, twin)):
            everyone = Keys(vectors, whole.places_mm, whole.rows, start)
            halves.append(contrast_term(net, contrast, f[start : start + 6], half, lambda _own, all_=everyone: all_))
        together = contrast_term(net, contrast, f, whole)
        weights = _anchor_weights(kind, whole)
        assert float(together) == pytest.approx(np.average([float(h) for h in halves], weights=weights), rel=1e-5)


def _anchor_weights(kind: str, whole: PairBatch) -> list[float]:
    if kind == "hard":
        return [4.0, 4.0]
    d = _distances(whole)
    np.fill_diagonal(d, np.inf)
    largest = np.exp(-(d.min(axis=1) ** 2) / 32)
    return [largest[:6].sum(), largest[6:].sum()]
