"""What tests of the pipeline share: opened runs, and copies of the finished one."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from gennari.frames import coronal
from gennari.metrics.segmentation import SegmentationError
from gennari.phantom.settings import PhantomSettings
from gennari.pipeline.cells import CellResult
from gennari.pipeline.making import make_phantom_of
from gennari.pipeline.scoring import SectionResult
from gennari.pipeline.stages import Run, create_run, open_run
from gennari.recipes.experiment import Experiment
from gennari.recipes.tables import Reproduction
from gennari.records import Hemisphere, LabelSet, Section, Side, TriangleMesh
from gennari.sampling.split import SplitSettings
from gennari.sources import dataset as on_disk
from gennari.sources.manifests import BrainManifest, DatasetManifest, LabelSetEntry
from gennari.sources.surfaces import write_hemispheres
from gennari.surface.mesh import subdivide


@pytest.fixture
def ticks() -> list:
    """Filled by handing `ticks.append` to long work."""
    return []


@pytest.fixture(scope="session")
def finished(finished_demo: Path) -> Run:
    """The finished run; read only."""
    return open_run(finished_demo / "run")


@pytest.fixture
def fresh(phantom: Path, mini_recipes: "tuple[object, Experiment]", tmp_path: Path) -> Run:
    """A run in which nothing has been done."""
    return create_run(tmp_path / "run", phantom, mini_recipes[1])


@pytest.fixture
def copied(finished_demo: Path, tmp_path: Path) -> Path:
    """A copy of the finished run beside the data set, to be changed."""
    shutil.copytree(finished_demo, tmp_path / "demo")
    return tmp_path / "demo"


@pytest.fixture(scope="session")
def table_recipe(mini_recipes: "tuple[PhantomSettings, Experiment]") -> Reproduction:
    """The smallest table there can be: two rates, two seeds, and validation sections to choose by."""
    experiment = mini_recipes[1].model_copy(
        update={"area_split": SplitSettings(blocks=1, test_share=1 / 3, val_share=1 / 3)}
    )
    return Reproduction(name="mini", experiment=experiment, few=20, few_epochs=2, rates=(0.01, 0.03), seeds=(0, 1))


@pytest.fixture(scope="session")
def table_dataset(mini_recipes: "tuple[PhantomSettings, Experiment]", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sections a labelled brain: one to learn from, one to choose by, one to test. Read only."""
    settings = mini_recipes[0]
    brains = tuple(
        plan.model_copy(update={"sections": 3 if plan.role == "labelled" else plan.sections})
        for plan in settings.brains
    )
    root = tmp_path_factory.mktemp("table") / "dataset"
    make_phantom_of(root, None, settings.model_copy(update={"brains": brains}), 1, lambda tick: None)
    return root


@pytest.fixture
def make_cell() -> Callable[..., CellResult]:
    """make_cell(row, seed, hits, err_seg): a cell over four classes, of which the last two are areas.

    `hits` says of 20 pixels of each area how many were found, by section; the others were given the other area.
    `err_seg` likewise, by section; 10 everywhere if left out.
    """

    def make(
        row: str,
        seed: int,
        hits: Mapping[tuple[str, int], int],
        err_seg: Mapping[tuple[str, int], float] | None = None,
        **changes: object,
    ) -> CellResult:
        sections = tuple(
            SectionResult(
                brain=brain,
                section=section,
                confusion=confusion_of(right),
                error=SegmentationError(
                    err_seg=float((err_seg or {}).get((brain, section), 10.0)),
                    err_seg_present=4.0,
                    absent_share=0.25,
                    mean_um=100.0,
                    mean_present_um=50.0,
                    rms_um=300.0,
                    wrong_share=0.1,
                    area_mm2=500.0,
                ),
            )
            for (brain, section), right in hits.items()
        )
        cell = CellResult(
            row=row, seed=seed, split="blocks", geometry="sphere", rate=0.02, key="k", patches=0, iterations=400,
            distance=None, sections=sections, seconds=60.0, classes=("glass", "other", "one", "two"), first_area=2,
            area_distance_mm=((0.0, 15.0), (15.0, 0.0)),
        )  # fmt: skip
        return CellResult.model_validate(cell.model_copy(update=changes).model_dump())

    return make


def confusion_of(right: int) -> tuple[tuple[int, ...], ...]:
    """50 pixels of glass and 40 of other cortex, all found, and 20 of each area."""
    counts = np.diag([50, 40, right, right])
    counts[2, 3] = counts[3, 2] = 20 - right
    return tuple(tuple(row) for row in counts.tolist())


@pytest.fixture(scope="session")
def shells() -> tuple[Hemisphere, Hemisphere]:
    """Two spherical shells of radius 10 and thickness 2.5 mm, 12 mm left and right of the origin."""
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]], np.int32)
    unit = TriangleMesh(vertices_mm=corners, faces=faces)
    for _ in range(3):
        unit, _ = subdivide(unit)
    points = unit.vertices_mm / np.linalg.norm(unit.vertices_mm, axis=1, keepdims=True)

    def shell(side: Side, x_mm: float) -> Hemisphere:
        def ball(radius_mm: float) -> TriangleMesh:
            return TriangleMesh(vertices_mm=points * radius_mm + np.array([x_mm, 0, 0]), faces=unit.faces)

        wall = np.abs(points[:, 0] * 10 + x_mm) < 4.0
        return Hemisphere(side=side, pial=ball(10.0), white=ball(7.5), inflated=ball(10.0), medial_wall=wall)

    return shell("L", -12.0), shell("R", 12.0)


@pytest.fixture
def shell_dataset(shells: tuple[Hemisphere, Hemisphere], tmp_path: Path) -> on_disk.Dataset:
    """One labelled brain A of two shells, cut by three coronal sections at 100 µm; no atlas, no annotations."""
    root = tmp_path / "shells"
    rows, cols = (np.arange(size) for size in (240, 480))
    entries = []
    for number, y_mm in ((3401, -2.0), (3501, 0.0), (3601, 2.0)):
        section = Section(
            brain="A",
            id=number,
            spacing_um=100.0,
            shape_px=(240, 480),
            to_brain=coronal(y_mm=y_mm, left_mm=-24.0, top_mm=12.0),
        )
        z, x = np.meshgrid(12.0 - 0.1 * (rows + 0.5), -24.0 + 0.1 * (cols + 0.5), indexing="ij")
        inside = (np.abs(x) - 12.0) ** 2 + z**2 < 10.0**2 - y_mm**2
        image = np.where(inside, 120, 255).astype(np.uint8)
        entries.append(on_disk.write_section(root, section, image, levels=2))
    labels = LabelSet(
        names=("background", "other cortex", "hOc1", "hOc2"),
        colours=("#000000", "#808080", "#ff0000", "#0000ff"),
        first_area=2,
    )
    write_hemispheres(root / "brains/A/surfaces", shells)
    brain = BrainManifest(name="A", role="labelled", sections=tuple(entries), geometry="shells")
    on_disk.write_brain_manifest(root, brain)
    manifest = DatasetManifest(name="shells", licence="none", label_set=LabelSetEntry.of(labels), brains=("A",))
    on_disk.write_dataset_manifest(root, manifest)
    return on_disk.open_dataset(root)
