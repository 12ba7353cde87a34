"""What every test may ask for: `rng`, `real_data`, and one thread for each worker."""

import os

# Two workers on two cores: a library that starts its own threads only fights its neighbour. OpenMP, BLAS and numba
# read these once, when they are loaded, and child processes inherit them.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

from pathlib import Path

import numpy as np
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real-data",
        metavar="DIR",
        default=None,
        help="folder of real surfaces and atlases; tests marked `real` read it and skip without it",
    )


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--real-data")
    if folder is not None and not Path(folder).is_dir():
        raise pytest.UsageError(f"--real-data must name a folder, got {folder}, which is none; leave it out to skip")


@pytest.fixture
def rng() -> np.random.Generator:
    """The same stream of random numbers for each test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def real_data(request: pytest.FixtureRequest) -> Path:
    """The folder given by --real-data; a test that asks for it skips without one."""
    folder = request.config.getoption("--real-data")
    if folder is None:
        pytest.skip("needs real data: give the folder with `pytest tests --real-data DIR`")
    return Path(folder).resolve()
