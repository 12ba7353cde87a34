"""On a CUDA device; skipped where there is none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gennari.nets.weights import read_tensors
from gennari.train.devices import make_fabric, set_up

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("kind", ["pretrain", "contrast", "finetune"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_first_steps_are_those_of_the_cpu(kind: str, precision: str, toy, cpu, tmp_path: Path):
    fabric = make_fabric(precision)
    assert fabric.device.type == "cuda"
    ours = toy.RUNS[kind](tmp_path / "gpu", fabric)
    row, expected = ours.history[0], toy.RUNS[kind](tmp_path / "cpu", cpu).history[0]
    assert row.loss == pytest.approx(expected.loss, rel=0.1 if precision == "bf16" else 1e-2)
    assert all(np.isfinite(row.loss) for row in ours.history)
    assert {value.dtype for name, value in read_tensors(ours.weights)[0].items() if "weight" in name} == {torch.float32}


def test_under_bf16_convolutions_compute_in_bfloat16():
    fabric = make_fabric("bf16")
    net, seen = set_up(torch.nn.Conv2d(1, 2, 3), fabric, sync_batch_norm=False), []
    net.net.register_forward_hook(lambda module, given, out: seen.append(out.dtype))
    assert net(torch.zeros(1, 1, 4, 4, device=fabric.device)).dtype == torch.float32
    assert seen == [torch.bfloat16]


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_a_resumed_run_goes_on_from_the_checkpoint(kind: str, toy, tmp_path: Path):
    def stop(tick) -> None:
        if tick.done == 3:
            raise KeyboardInterrupt

    fabric, ticks = make_fabric("fp32"), []
    straight = toy.RUNS[kind](tmp_path / "straight", fabric)
    with pytest.raises(KeyboardInterrupt):
        toy.RUNS[kind](tmp_path / "killed", fabric, stop)
    resumed = toy.RUNS[kind](tmp_path / "killed", fabric, ticks.append)
    assert ticks[0].done == 3  # the checkpoint is that of step 2
    for a, b in zip(straight.history, resumed.history, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-2)  # CUDA sums in no fixed order


def test_layers_that_draw_on_the_device_go_on_where_they_were(toy, tmp_path: Path):
    def stop(tick) -> None:
        if tick.done == 5:
            raise KeyboardInterrupt

    fabric = make_fabric("fp32")
    straight, _ = toy.run_drawing(tmp_path / "straight", fabric)
    with pytest.raises(KeyboardInterrupt):
        toy.run_drawing(tmp_path / "killed", fabric, stop)
    resumed, _ = toy.run_drawing(tmp_path / "killed", fabric)
    for name, value in straight.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=1e-4, atol=1e-6)


def test_synchronised_batch_norm_of_one_process_is_batch_norm(toy, tmp_path: Path):
    fabric = make_fabric("fp32")
    settings = toy.FINETUNE.model_copy(update={"sync_batch_norm": True})
    ours, plain = toy.run_finetune(tmp_path / "s", fabric, settings=settings), toy.run_finetune(tmp_path / "p", fabric)
    assert ours.history[0].loss == pytest.approx(plain.history[0].loss, rel=1e-2)
    assert read_tensors(ours.weights)[0].keys() == read_tensors(plain.weights)[0].keys()
