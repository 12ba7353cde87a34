import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.import_surfaces import RECORD, import_surfaces
from gennari.records import SIDES, TriangleMesh
from gennari.sources.dataset import Dataset, open_dataset
from gennari.sources.gifti import read_surface, surface_path, write_surface
from gennari.sources.surfaces import HALF_TURN


@pytest.fixture
def dataset(shell_dataset: Dataset, tmp_path: Path) -> Dataset:
    """Two shells whose surfaces lie in `given`, beside the data set."""
    shutil.move(shell_dataset.brain("A").surfaces_folder, tmp_path / "given")
    return shell_dataset


def turned_round(folder: Path, *names: str) -> None:
    for side in SIDES:
        for name in names:
            path = surface_path(folder, side, name)
            mesh = read_surface(path)
            write_surface(path, TriangleMesh(vertices_mm=mesh.vertices_mm * HALF_TURN, faces=mesh.faces), side)


def test_imported_surfaces_are_those_given(dataset: Dataset, tmp_path: Path) -> None:
    import_surfaces(dataset, "A", tmp_path / "given")
    for side, hemisphere in zip(SIDES, dataset.brain("A").hemispheres(), strict=True):
        given = read_surface(surface_path(tmp_path / "given", side, "pial"))
        np.testing.assert_array_equal(hemisphere.pial.faces, given.faces)
        np.testing.assert_allclose(hemisphere.pial.vertices_mm, given.vertices_mm)
    record = json.loads((dataset.brain("A").surfaces_folder / RECORD).read_text())
    assert record["inflated"] == "as given"
    assert record["medial_wall"] == "hemi-L_medial-wall.func.gii"
    assert not record["turned"]
    assert len(record["sources"]) == 6
    assert open_dataset(dataset.root).brain("A").manifest.geometry == "imported from given"


def test_a_missing_inflated_surface_is_computed_and_recorded(dataset: Dataset, tmp_path: Path) -> None:
    for side in SIDES:
        surface_path(tmp_path / "given", side, "inflated").unlink()
    made = import_surfaces(dataset, "A", tmp_path / "given")
    assert made.record.inflated == "computed by smoothing over 25 mm, area kept"
    assert surface_path(dataset.brain("A").surfaces_folder, "R", "inflated").is_file()


def test_inverted_surfaces_are_refused_until_they_are_turned(dataset: Dataset, tmp_path: Path) -> None:
    upright = read_surface(surface_path(tmp_path / "given", "L", "pial")).vertices_mm
    turned_round(tmp_path / "given", "pial", "white", "inflated")
    with pytest.raises(InputError, match="negate x and y"):
        import_surfaces(dataset, "A", tmp_path / "given")
    made = import_surfaces(dataset, "A", tmp_path / "given", turned=True)
    np.testing.assert_allclose(made.hemispheres[0].pial.vertices_mm, upright)
    assert made.record.turned


def test_turning_what_lay_right_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="turned as asked"):
        import_surfaces(dataset, "A", tmp_path / "given", turned=True)


def test_registration_spheres_come_along(dataset: Dataset, tmp_path: Path) -> None:
    for side in SIDES:
        shutil.copy(
            surface_path(tmp_path / "given", side, "inflated"), surface_path(tmp_path / "given", side, "sphere")
        )
    import_surfaces(dataset, "A", tmp_path / "given")
    for side in SIDES:
        ours = read_surface(surface_path(dataset.brain("A").surfaces_folder, side, "sphere"))
        given = read_surface(surface_path(tmp_path / "given", side, "sphere"))
        np.testing.assert_allclose(ours.vertices_mm, given.vertices_mm)


def test_surfaces_are_replaced_only_when_asked(dataset: Dataset, tmp_path: Path) -> None:
    import_surfaces(dataset, "A", tmp_path / "given")
    with pytest.raises(InputError, match="--replace"):
        import_surfaces(dataset, "A", tmp_path / "given")
    import_surfaces(dataset, "A", tmp_path / "given", replace=True)


def test_the_data_sets_own_surfaces_are_no_source(dataset: Dataset, tmp_path: Path) -> None:
    import_surfaces(dataset, "A", tmp_path / "given")
    with pytest.raises(InputError, match="name the source"):
        import_surfaces(dataset, "A", dataset.brain("A").surfaces_folder, replace=True)


def test_surfaces_of_another_place_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    for side in SIDES:
        for name in ("pial", "white"):
            path = surface_path(tmp_path / "given", side, name)
            mesh = read_surface(path)
            far = mesh.vertices_mm + np.array([0.0, 500.0, 0.0])
            write_surface(path, TriangleMesh(vertices_mm=far, faces=mesh.faces), side)
    with pytest.raises(InputError, match="must cut the brain"):
        import_surfaces(dataset, "A", tmp_path / "given")
