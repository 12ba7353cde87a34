"""Real processes: killed with -9 and resumed, and two of them training together."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from gennari.nets.siamese import SiameseNet
from gennari.nets.weights import read_tensors
from gennari.train.contrast_term import Keys, contrast_term

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def _wait_for(path: Path, process: subprocess.Popen) -> None:
    until = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until, f"{path} did not come"
        time.sleep(0.02)


def _same(one: Path, other: Path) -> bool:
    a, b = read_tensors(one)[0], read_tensors(other)[0]
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_kill_minus_9_and_resume_gives_the_bits_of_an_uninterrupted_run(kind, start, toy, cpu, tmp_path):
    process = start(tmp_path / "killed", kind, 0.3)
    _wait_for(tmp_path / "killed" / kind / "checkpoint.safetensors", process)
    time.sleep(0.4)  # into a later step
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / kind / "weights.safetensors").exists()
    run = toy.RUNS[kind]
    resumed = run(tmp_path / "killed" / kind, cpu)
    straight = run(tmp_path / "straight", cpu)
    assert _same(resumed.weights, straight.weights)
    assert resumed.history == straight.history


@pytest.mark.slow
def test_sigterm_saves_the_last_whole_step_and_leaves_with_75(start, toy, cpu, tmp_path):
    process = start(tmp_path / "stopped", "pretrain", 0.3)
    _wait_for(tmp_path / "stopped/pretrain/checkpoint.safetensors", process)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 75
    assert "stopped after step" in said
    ticks = []
    resumed = toy.run_pretrain(tmp_path / "stopped/pretrain", cpu, ticks.append)
    done = int(said.split("stopped after step ")[1].split()[0])
    assert ticks[0].done == done + 1
    assert _same(resumed.weights, toy.run_pretrain(tmp_path / "straight", cpu).weights)


def _assert_negatives_are_those_of_one_process(toy, out: Path) -> None:
    """Each rank's patches against those of both, as one process has it that holds all of them."""
    for kind in ("hard", "soft"):
        contrast, features = toy.ACROSS.model_copy(update={"kind": kind}), toy.vectors().requires_grad_()
        keys = F.normalize(features, dim=1)
        everyone, total, start = toy.contrast_batch(0, sum(toy.ROWS)), 0.0, 0
        for rank, count in enumerate(toy.ROWS):
            own = slice(start, start + count)
            both = Keys(keys, everyone.places_mm, everyone.rows, start)
            batch = toy.contrast_batch(own.start, own.stop)
            loss = contrast_term(SiameseNet(toy.CONFIG), contrast, features[own], batch, lambda _own, all_=both: all_)
            saved = read_tensors(out / f"{kind}-{rank}.safetensors")[0]
            torch.testing.assert_close(saved["loss"], loss.detach())
            total, start = total + loss, own.stop
        total.backward()
        gradients = [read_tensors(out / f"{kind}-{rank}.safetensors")[0]["gradient"] for rank in (0, 1)]
        torch.testing.assert_close(torch.cat(gradients), features.grad)


@pytest.mark.slow
def test_two_processes_are_one_that_runs_their_micro_batches_one_after_another(start, toy, cpu, tmp_path):
    process = start(tmp_path, "pretrain,contrast,finetune,negatives,broken", launcher=TORCHRUN)
    said = process.communicate(timeout=600)[0]
    _assert_negatives_are_those_of_one_process(toy, tmp_path / "negatives")
    for kind in ("pretrain", "contrast", "finetune"):
        run = toy.RUNS[kind]
        alone = run(tmp_path / "alone" / kind, cpu)
        one = read_tensors(alone.weights)[0]
        two = read_tensors(tmp_path / kind / "weights.safetensors")[0]
        assert one.keys() == two.keys()
        for name, value in one.items():  # running statistics of batch norm among them
            torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
        assert _same(tmp_path / f"{kind}-rank0.safetensors", tmp_path / f"{kind}-rank1.safetensors")
        kept = read_tensors(tmp_path / f"{kind}-rank0.safetensors")[0]
        assert all(torch.equal(kept[name], value) for name, value in two.items())
        assert {name.split(".")[0] for name in kept.keys() - two.keys()} <= {"projection"}  # serves training alone
        resumed = run(tmp_path / kind, cpu)  # finished: only the history is read
        for ours, theirs in zip(resumed.history, alone.history, strict=True):
            same = {**vars(theirs), "data_wait_share": ours.data_wait_share}  # differs from run to run
            assert vars(ours) == pytest.approx(same, rel=1e-3)
    # in the third training one rank meets a loss that is not finite: all stop, and name that rank's patches
    step, rows = toy.bad_step(toy.broken_batches())
    assert process.returncode != 0
    assert f"gennari: the loss must stay finite; at step {step} of pretrain it was inf for patches {rows}; try" in said
    assert "InputError" not in said  # a sentence, no traceback (torchrun adds its own to tell of the exit)
    assert not (tmp_path / "broken/weights.safetensors").exists()
