"""What every test may ask for: `rng`, `real_data`, and one thread for each worker."""

import os

# Two workers on two cores: a library that starts its own threads only fights its neighbour. OpenMP, BLAS and numba
# read these once, when they are loaded. Verbs give torch all cores that they may use, so that a worker keeps to one:
# with two threads each, toy trainings wait for each other ten times as long as they compute. Children inherit both.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from gennari.phantom.settings import PhantomSettings
    from gennari.recipes.experiment import Experiment
    from gennari.records import PatchTable
    from gennari.sampling.ribbon_places import RibbonPlaces


pytest_plugins = ["faulty_server"]


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


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What stands on a whole phantom is slow: making one takes a quarter of a minute in each worker."""
    for item in items:
        if "phantom" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _torch_starts_anew() -> None:
    """What a test draws from torch's own generator does not depend on the tests before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture
def all_cores() -> Iterator[None]:
    """A test worker's own core is joined by the others while the test runs."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield
    os.sched_setaffinity(0, own)


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


# Modules of gennari are imported inside the fixtures below: this file is loaded before the hook that checks shapes is
# installed, and what was imported by then would go unchecked.


@pytest.fixture(scope="session")
def mini_recipes() -> "Iterator[tuple[PhantomSettings, Experiment]]":
    """The preset 'mini', known by name for the session: all at 256 µm, seconds to run, its figures mean nothing."""
    from gennari.nets.sizes import TextureConfig
    from gennari.phantom.settings import BrainPlan, PhantomSettings
    from gennari.recipes import phantoms, presets
    from gennari.sampling.settings import PatchSettings

    labelled = (
        BrainPlan(name=name, role="labelled", sections=2, first=first)
        for name, first in zip("ABCD", (0.2, 0.4, 0.6, 0.8), strict=True)
    )
    settings = PhantomSettings(
        brains=(BrainPlan(name="P", role="pretext", sections=4), *labelled),
        spacing_um=256.0,
        subdivisions=0,
        atlas_individuals=3,
    )
    tiny = presets.TINY
    phases = tuple(phase.model_copy(update={"steps": 3}) for phase in tiny.finetune.phases)
    recipe = tiny.model_copy(
        update={
            "name": "mini",
            "area_split": tiny.area_split.model_copy(update={"test_share": 1 / 2}),
            "patches": PatchSettings(count=80, ribbon_spacing_um=128.0),
            "texture": TextureConfig(
                spacing_um=256, patch_px=16, stem_channels=4, channels=(4, 4), convs=(1, 1), padding="same"
            ),
            "pretrain": tiny.pretrain.model_copy(update={"batch": 16}),
            "finetune": tiny.finetune.model_copy(
                update={"phases": phases, "batch": 2, "window_px": 64, "atlas_widths": (4, 4)}
            ),
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phantoms, "PHANTOMS", {**phantoms.PHANTOMS, "mini": settings})
        patch.setattr(presets, "EXPERIMENTS", {**presets.EXPERIMENTS, "mini": recipe})
        yield settings, recipe


@pytest.fixture(scope="session")
def phantom(mini_recipes: "tuple[PhantomSettings, Experiment]", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole phantom data set of the preset 'mini', built once a session; tests that change it copy it."""
    from gennari.pipeline.making import make_phantom

    root = tmp_path_factory.mktemp("phantom") / "dataset"
    make_phantom(root, None, "mini", 1, lambda tick: None)
    return root


@pytest.fixture(scope="session")
def finished_demo(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `gennari demo --preset mini` leaves (dataset/, run/), made verb by verb; tests that change it copy it."""
    from gennari.cli.app import main
    from gennari.pipeline import sampling

    out = tmp_path_factory.mktemp("demo")
    shutil.copytree(phantom, out / "dataset")
    run = str(out / "run")
    verbs = ("pack", "pretrain", "finetune", "segment", "evaluate", "report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "usable_cores", lambda: 1)  # spawning two processes takes longer than their work
        for line in (["sample", str(out / "dataset"), run, "--preset", "mini"], *([verb, run] for verb in verbs)):
            with pytest.raises(SystemExit) as left:
                main(line)
            assert left.value.code == 0, line
    return out


@pytest.fixture(scope="session")
def mapped_run(
    phantom: Path, mini_recipes: "tuple[object, Experiment]", tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder of a run with maps but without any training: its "pretrained" net knows the truth, the other finds glass.

    Tests that change it copy it; its data set is `phantom`.
    """
    from gennari.nets.sizes import output_spacing_um
    from gennari.pipeline.maps import map_path
    from gennari.pipeline.references import true_map
    from gennari.pipeline.stages import create_run
    from gennari.sources.sections import write_labels

    run = create_run(tmp_path_factory.mktemp("mapped") / "run", phantom, mini_recipes[1])
    spacing_um, label_set = output_spacing_um(run.experiment.texture), run.dataset.label_set
    for brain in map(run.dataset.brain, "ABCD"):
        for section in brain.sections:
            truth = true_map(brain, section.id, spacing_um)
            for variant, labels in (("baseline", np.zeros_like(truth)), ("pretrained", truth)):
                write_labels(map_path(run, variant, brain.name, section.id), labels, spacing_um, label_set)
    return run.root


@pytest.fixture
def make_patches(rng) -> "Callable[..., PatchTable]":
    """make_patches(n, splits, faces): n patches on random faces of the first so many, sides and splits at random."""
    from gennari.records import PatchTable

    def make(n: int, splits: tuple[str, ...] = ("train", "test"), faces: int = 50) -> PatchTable:
        unread = {name: np.zeros(n) for name in PatchTable.__dataclass_fields__}  # by pairs and distances
        return PatchTable(
            **unread
            | {
                "brain": np.full(n, "P"),
                "section": np.zeros(n, np.int32),
                "side": rng.integers(0, 2, n).astype(np.int8),
                "centre_um": np.zeros((n, 2)),
                "face": rng.integers(0, faces, n).astype(np.int32),
                "weights": rng.dirichlet([1, 1, 1], n),
                "vertex": np.zeros(n, np.int32),
                "brain_mm": rng.normal(size=(n, 3)),
                "inflated_mm": np.zeros((n, 3)),
                "split": np.array(splits)[rng.integers(0, len(splits), n)],
            }
        )

    return make


@pytest.fixture
def make_pieces(make_patches: "Callable[..., PatchTable]") -> "Callable[..., RibbonPlaces]":
    """make_pieces((count, closed), ...): pieces of ribbon with so many places 0.2 mm apart, each on its own section."""
    from dataclasses import replace

    from gennari.sampling.ribbon_places import RibbonPlaces

    def make(*pieces: tuple[int, bool], step_mm: float = 0.2) -> RibbonPlaces:
        counts = [count for count, _ in pieces]
        piece = np.repeat(np.arange(len(pieces), dtype=np.int32), counts)
        lengths = [step_mm * (count if closed else count - 1) for count, closed in pieces]
        return RibbonPlaces(
            patches=replace(make_patches(len(piece)), section=piece + np.int32(100)),
            piece=piece,
            arc_mm=np.concatenate([step_mm * np.arange(count) for count in counts]),
            length_mm=np.repeat(lengths, counts),
            closed=np.repeat([closed for _, closed in pieces], counts),
            thickness_mm=np.full(len(piece), 2.5),
        )

    return make
