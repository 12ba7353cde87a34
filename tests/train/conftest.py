"""Trainings of seconds (`toy`), in this process or in processes that a test starts."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from lightning_fabric import Fabric

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module tests/train/toy.py."""
    spec = importlib.util.spec_from_file_location("toy", TOY)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cpu() -> Iterator[Fabric]:
    """One process on the CPU, one thread, as in processes that a test starts: sums are rounded by their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Fabric(accelerator="cpu", devices=1)
    torch.set_num_threads(before)


@pytest.fixture
def start() -> Callable[..., subprocess.Popen]:
    """start(ARGUMENTS, launcher=...): a process that runs toy.py."""

    def begin(*arguments: object, launcher: tuple[str, ...] = ()) -> subprocess.Popen:
        command = [sys.executable, *launcher, str(TOY), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return begin
