import os
from pathlib import Path

import pytest
import torch
from torch import nn

from gennari.errors import InputError
from gennari.nets import weights
from gennari.train.checkpoint import Checkpoint, Progress, optimiser_state, read_checkpoint, write_checkpoint
from gennari.train.guard import Level
from gennari.train.settings import Guard, Phase
from gennari.train.store import Store

PHASES = (Phase(steps=4, rate=0.1), Phase(steps=6, rate=0.1))


def _checkpoint(step: int = 3) -> tuple[Checkpoint, torch.optim.Optimizer]:
    net = nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    guard = Guard(window=2)
    progress = Progress(phase=1).with_step(step, {"loss": 0.1}, guard).with_step(step, {"loss": 1 / 3}, guard)
    progress = progress.with_row(1, step, 0.05, {"err": float("nan")}).with_step(step, {"loss": 0.7}, guard)
    return (
        Checkpoint(
            progress=progress,
            net=net.state_dict(),
            optimiser=optimiser_state(optimiser),
            generators=[{"torch": torch.get_rng_state()}, {"torch": torch.zeros(4, dtype=torch.uint8)}],
        ),
        optimiser,
    )


def test_what_was_written_is_read(tmp_path: Path):
    written, optimiser = _checkpoint()
    write_checkpoint(tmp_path / "c.safetensors", written, "x")
    read = read_checkpoint(tmp_path / "c.safetensors", "x")
    assert read
    assert read.progress.level == Level(recent=(1 / 3, 0.7), first=13 / 60, lowest=13 / 60)
    assert repr(read.progress) == repr(written.progress)
    for index, p in enumerate(optimiser.param_groups[0]["params"]):
        assert optimiser.state[p].keys() == read.optimiser[index].keys()
        for key, value in optimiser.state[p].items():
            assert torch.equal(read.optimiser[index][key], value)
    assert all(torch.equal(read.net[name], value) for name, value in written.net.items())
    for ours, theirs in zip(read.generators, written.generators, strict=True):
        assert torch.equal(ours["torch"], theirs["torch"])


def test_without_a_file_there_is_no_checkpoint(tmp_path: Path):
    assert read_checkpoint(tmp_path / "c.safetensors", "x") is None


def test_a_half_written_file_beside_the_last_good_one_is_ignored_and_removed(tmp_path: Path, cpu):
    path = tmp_path / "checkpoint.safetensors"
    written, _ = _checkpoint()
    write_checkpoint(path, written, "x")
    left = tmp_path / ".part-0123abcd-checkpoint.safetensors"
    left.write_bytes(path.read_bytes()[:300])
    other = tmp_path / ".part-0123abcd-weights.safetensors"
    other.write_bytes(b"")
    progress, _, _ = Store(path, "x", PHASES, cpu).load(nn.Linear(2, 2))
    assert progress.step == 3
    assert not left.exists()
    assert other.exists()


def test_dying_while_writing_leaves_the_last_good_one(tmp_path: Path, monkeypatch):
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, _checkpoint(3)[0], "x")
    before = path.read_bytes()

    def half(tensors, file, metadata) -> None:
        Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "save_file", half)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(path, _checkpoint(4)[0], "x")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["checkpoint.safetensors"]


def test_the_last_checkpoint_counts_steps_through_all_phases(tmp_path: Path, cpu):
    path = tmp_path / "checkpoint.safetensors"
    store = Store(path, "x", PHASES, cpu)
    net = nn.Linear(2, 2)
    assert store.load(net)[0] == Progress()
    assert store.last == "no checkpoint was written yet"
    store.save(Progress(phase=1, step=3), net, {})
    assert store.last == f"the last good checkpoint is {path} after 7 steps"
    again = Store(path, "x", PHASES, cpu)
    again.load(net)
    assert again.last == store.last


def test_a_rank_that_the_saved_run_did_not_have_starts_its_generators_anew(tmp_path: Path, cpu, monkeypatch):
    store = Store(tmp_path / "checkpoint.safetensors", "x", PHASES, cpu)
    store.save(Progress(step=1), nn.Linear(2, 2), {})
    assert store.load(nn.Linear(2, 2))[2] is not None
    monkeypatch.setattr(type(cpu), "global_rank", 1)
    assert store.load(nn.Linear(2, 2))[2] is None


@pytest.mark.parametrize(
    ("name", "progress"),
    [
        ("net.a", "{"),
        ("net.a", "[]"),
        ("net.a", "{}"),
        ("nothing", "{}"),
        ("optimiser.x.y", '{"rows": [], "level": {}}'),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, name: str, progress: str):
    weights.write_tensors(
        tmp_path / "c.safetensors", {name: torch.zeros(1)}, {"fingerprint": "x", "progress": progress}
    )
    with pytest.raises(InputError, match="must be a checkpoint that gennari wrote"):
        read_checkpoint(tmp_path / "c.safetensors", "x")
