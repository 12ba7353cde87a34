import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gennari.data.area_batches import AreaBatches
from gennari.errors import InputError, Interrupted
from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.weights import read_tensors
from gennari.records import IGNORE
from gennari.train.finetune import window_grid
from gennari.train.loop import train
from gennari.train.losses.areas import area_loss
from gennari.train.losses.coordinates import coordinate_loss
from gennari.train.losses.distance import distance_loss
from gennari.train.settings import Guard, Optimiser, Phase

PLAIN = Optimiser(momentum=0.0)


def _by_hand(net: nn.Module, batches: list, weights: list[float], loss, rate: float) -> None:
    """Batch norm sees one micro-batch at a time; w <- w - rate * gradient of the weighted mean loss."""
    total = sum(weights)
    sum(loss(batch) * weight / total for batch, weight in zip(batches, weights, strict=True)).backward()
    with torch.no_grad():
        for p in net.parameters():
            p -= rate * (torch.zeros_like(p) if p.grad is None else p.grad)


def _assert_close(path: Path, net: nn.Module) -> None:
    saved = read_tensors(path)[0]
    for name, value in net.state_dict().items():
        torch.testing.assert_close(saved[name], value, rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


def test_accumulated_pairs_are_a_step_by_hand(toy, cpu, tmp_path: Path):
    changes = {"epochs": 1, "batch": 30, "optimiser": PLAIN, "weight_penalty": 0.0, "schedule": "constant"}
    settings = toy.PRETRAIN.model_copy(update=changes)
    batches = toy.pair_batches(settings, pairs=32)  # micro-batches of 11, 11 and 10 pairs
    result = toy.run_pretrain(tmp_path, cpu, settings=settings, batches=batches)
    net = SiameseNet(toy.CONFIG, torch.Generator().manual_seed(settings.seed))
    net.scale_mm.fill_(20)
    net.centre_mm.copy_(torch.from_numpy(batches.patches.inflated_mm.mean(axis=0)))

    def loss(batch) -> torch.Tensor:
        features, places = net(batch.images)
        one, two, target = batch.first, batch.second, (batch.places_mm - net.centre_mm) / 20
        near = distance_loss(features[one], features[two], batch.distance_mm / 20)
        return near + coordinate_loss(places[one], target[one]) + coordinate_loss(places[two], target[two])

    parts = [batches.get(0, i) for i in range(3)]
    weights = [len(part.first) for part in parts]
    assert weights == [11, 11, 10]
    _by_hand(net.train(), parts, weights, loss, settings.rate)
    _assert_close(result.weights, net)


def test_accumulated_windows_are_a_step_by_hand(toy, cpu, tmp_path: Path):
    phase = Phase(steps=1, rate=0.05, schedule="constant")
    changes = {"phases": (phase,), "optimiser": PLAIN, "atlas_widths": (), "batch": 6, "classes_even": False}
    settings = toy.FINETUNE.model_copy(update=changes)
    result = toy.run_finetune(tmp_path, cpu, settings=settings)
    net = AreaUNet(toy.CONFIG, 3, 0, (), torch.Generator().manual_seed(settings.seed)).train()
    batches = AreaBatches(
        sections=toy.sections(),
        grid=window_grid(toy.CONFIG, 32),
        normalisation=toy.NORMALISATION,
        batch=2,
        seed=settings.seed,
        classes_even=False,
        augmentation=settings.augmentation,
    )
    parts = [batches.get(i) for i in range(3)]
    labelled = [int((part.labels != IGNORE).sum()) for part in parts]
    assert len(set(labelled)) > 1
    _by_hand(net, parts, labelled, lambda part: area_loss(net(part.image), part.labels), phase.rate)
    _assert_close(result.weights, net)


@pytest.mark.parametrize("stop_at", [1, 2, 5, 11])
def test_layers_that_draw_go_on_as_if_nothing_had_happened(stop_at: int, toy, cpu, tmp_path: Path):
    def stop(tick) -> None:
        if tick.done == stop_at:
            raise KeyboardInterrupt

    straight, history = toy.run_drawing(tmp_path / "straight", cpu)
    with pytest.raises(KeyboardInterrupt):
        toy.run_drawing(tmp_path / "killed", cpu, stop)
    torch.randn(7), np.random.normal(size=7)  # what is drawn between two runs must not matter
    resumed, same_history = toy.run_drawing(tmp_path / "killed", cpu)
    assert _equal(straight, resumed)
    assert history == same_history
    assert not _equal(straight, toy.run_drawing(tmp_path / "other", cpu, seed=1)[0])


def _equal(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_last_whole_step_before_leaving(number, toy, cpu, tmp_path: Path):
    straight, _ = toy.run_drawing(tmp_path / "straight", cpu, checkpoint_every=100)
    with pytest.raises(Interrupted, match="stopped after step 8 of 12 of toy"):
        toy.run_drawing(
            tmp_path / "s", cpu, lambda tick: tick.done == 7 and signal.raise_signal(number), checkpoint_every=100
        )
    ticks = []
    resumed, _ = toy.run_drawing(tmp_path / "s", cpu, ticks.append, checkpoint_every=100)
    assert [tick.done for tick in ticks] == [9, 10, 11, 12]
    assert _equal(straight, resumed)


def test_an_exploding_loss_stops_before_the_step_and_keeps_the_checkpoint(toy, cpu, tmp_path: Path):
    guard = Guard(factor=50, window=4)

    def run(scale: float, tick=toy.quiet):
        return toy.run_drawing(
            tmp_path, cpu, tick, losses=lambda step: scale if step == 9 else 1.0, guard=guard, checkpoint_every=4
        )

    with pytest.raises(InputError, match=r"must not explode.* at step 9 of toy it was .* for rows of step 9; ") as said:
        run(1e6)
    path = tmp_path / "checkpoint.safetensors"
    assert str(said.value).endswith(f"try a lower rate or clip_norm, the last good checkpoint is {path} after 8 steps")
    before = path.read_bytes()
    with pytest.raises(InputError, match="at step 9 of toy"):  # resumed after step 8: the level came from the file
        run(1e6)
    assert path.read_bytes() == before
    ticks = []
    run(1.0, ticks.append)
    assert ticks[0].done == 9


def test_without_a_guard_the_same_run_goes_on(toy, cpu, tmp_path: Path):
    _, history = toy.run_drawing(
        tmp_path, cpu, losses=lambda step: 1e6 if step == 11 else 1.0, guard=Guard(factor=None)
    )
    assert history[-1].terms["loss"] > 1e4


class _Root(nn.Module):
    """Its gradient at zero is infinite, its value is not."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w.abs().sqrt() * x.square().mean()


def test_a_gradient_that_is_not_finite_stops_and_names_all_micro_batches(toy, cpu, tmp_path: Path):
    net = _Root()
    task = toy.drawing_task(
        groups=lambda phase: [(list(net.parameters()), 1.0)],
        parts=lambda step: 2,
        who=lambda batch: f"batch {float(batch[0, 0]):.3f}",
        loss=lambda model, x, phase: {"loss": model(x).sum()},
    )
    both = [float(np.random.default_rng((0, part)).normal(size=(6, 4))[0, 0]) for part in (0, 1)]
    law = f"the gradient must stay finite; at step 0 of toy it was nan for batch {both[0]:.3f} and batch {both[1]:.3f};"
    with pytest.raises(InputError, match=re.escape(law)):
        train(net, task, tmp_path / "c.safetensors", cpu, toy.quiet)
    assert float(net.w.detach()) == 0
    assert not (tmp_path / "c.safetensors").exists()


def test_only_the_bad_micro_batch_is_named_with_its_patches(toy, cpu, tmp_path: Path):
    batches = toy.broken_batches()
    step, rows = toy.bad_step(batches)
    with pytest.raises(InputError, match=re.escape(f"at step {step} of pretrain it was inf for patches {rows}; try")):
        toy.run_pretrain(tmp_path, cpu, batches=batches)


@pytest.mark.parametrize(("kind", "settings"), [("pretrain", "PRETRAIN"), ("finetune", "FINETUNE")])
def test_a_stopped_run_may_go_on_with_another_guard(kind: str, settings: str, toy, cpu, tmp_path: Path):
    def stop(tick) -> None:
        if tick.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toy.RUNS[kind](tmp_path, cpu, stop)
    ticks, changes = [], {"guard": Guard(factor=None), "checkpoint_every": 5}
    toy.RUNS[kind](tmp_path, cpu, ticks.append, settings=getattr(toy, settings).model_copy(update=changes))
    assert ticks[0].done == 3
