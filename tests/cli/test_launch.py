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


@pytest.mark.slow
def test_torchrun_trains_with_two_processes_and_leaves_what_one_leaves(demo):
    run = _undo_pretraining(demo)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "gennari", "pretrain", str(run)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert refused.returncode != 0
    assert "needs a micro-batch in a step, got 2 processes and 1 micro-batches; lower micro_batch" in refused.stderr
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(config.replace("[pretrain]\n", "[pretrain]\nmicro_batch = 8\n"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    tables = {f"{name}.parquet" for name in ("history", "err_dist", "predicted")}
    left = {path.name for path in (run / "pretrain").iterdir()}
    assert left == {"checkpoint.safetensors", "weights.safetensors", *tables}
    assert (run / "receipts/pretrain.json").exists()
    assert len(re.findall(r"^pretrain: (\d+)/\1 in", done.stderr, re.M)) == 1  # one process reports
