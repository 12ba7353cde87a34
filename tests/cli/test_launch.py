"""Verbs that train: several processes under torchrun, and a signal in the middle."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gennari.cli.launch import launched
from gennari.train import loop
from gennari.train.ranks import Ranks


def _undo_pretraining(demo: Path) -> Path:
    run = demo / "run"
    (run / "receipts/pretrain.json").unlink()
    shutil.rmtree(run / "pretrain")
    return run


def test_without_torchrun_a_process_is_alone():
    assert launched({"RANK": "3"}) == Ranks()


def test_torchrun_says_who_a_process_is():
    environment = {"TORCHELASTIC_RUN_ID": "x", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
    assert launched(environment) == Ranks(rank=5, size=8, local_size=4)


def test_a_signal_while_training_leaves_with_75_and_the_same_command_goes_on(gennari, demo, monkeypatch):
    run, rate = _undo_pretraining(demo), loop.learning_rate

    def signalling(phase, step: int) -> float:
        if step == 1:
            signal.raise_signal(signal.SIGTERM)
        return rate(phase, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "learning_rate", signalling)
        said = gennari("pretrain", run)
    assert said.code == 75
    assert re.search(r"gennari: stopped after step 2 of \d+ of pretrain; what is finished is kept", said.err)
    assert gennari("pretrain", run).code == 0
    assert (run / "receipts/pretrain.json").exists()


def test_more_processes_than_micro_batches_are_one_sentence(gennari, demo, monkeypatch):
    run = _undo_pretraining(demo)
    monkeypatch.setattr(loop, "check_parts", lambda parts, fabric, sync: (_ for _ in ()).throw(AssertionError(parts)))
    with pytest.raises(AssertionError, match=r"\{1\}"):
        gennari("pretrain", run)


@pytest.mark.slow
def test_torchrun_trains_with_two_processes_and_leaves_what_one_leaves(demo):
    run = _undo_pretraining(demo)
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(config.replace("[pretrain]\n", "[pretrain]\nmicro_batch = 8\n"))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "gennari", "pretrain", str(run)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    left = {path.name for path in (run / "pretrain").iterdir()}
    files = {
        "checkpoint.safetensors",
        "weights.safetensors",
        "history.parquet",
        "err_dist.parquet",
        "predicted.parquet",
    }
    assert left == files
    assert (run / "receipts/pretrain.json").exists()
    assert done.stderr.count("pretrain: ") == done.stderr.count("\npretrain: ") + done.stderr.startswith("pretrain: ")
