"""Geometries: the bundled one, and a folder with surfaces, probabilities and layer thicknesses."""

from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.phantom.geometry import folder_geometry
from gennari.phantom.layers import AREAS, COLUMN_LABEL, LABEL_SET
from gennari.records import SIDES
from gennari.sources.gifti import columns_path, write_columns
from gennari.sources.surfaces import write_hemispheres

LAYERS = [f"layer {k}" for k in range(1, 7)]


@pytest.fixture
def folder(geometry, tmp_path: Path) -> Path:
    """A folder as a user gives it: surfaces, a probability of 1 for hOc1 at the pole, layers of 0.1 to 0.6 mm."""
    root = tmp_path / "mybrain"
    write_hemispheres(root, geometry.hemispheres)
    for side, hemisphere in zip(SIDES, geometry.hemispheres, strict=True):
        n = len(hemisphere.pial.vertices_mm)
        probability = np.zeros((n, 14))
        probability[hemisphere.pial.vertices_mm[:, 1] < -80, 0] = 1.0
        write_columns(columns_path(root, side, "probability"), [*AREAS, "hOc6"], probability, side)
        thickness = np.tile(np.arange(1, 7) / 10, (n, 1))
        thickness[5] = 0.0
        write_columns(columns_path(root, side, "layer-thickness"), LAYERS, thickness, side)
    return root


def test_the_bundled_geometry_is_complete(geometry):
    assert geometry.name == "fsaverage5"
    assert [hemisphere.side for hemisphere in geometry.hemispheres] == list(SIDES)
    assert geometry.measured_boundaries is None
    assert "nilearn" in geometry.licence


def test_a_folder_gives_its_name_surfaces_and_areas(folder, geometry):
    found = folder_geometry(folder)
    assert found.name == "mybrain"
    for layout, hemisphere in zip(found.layouts, found.hemispheres, strict=True):
        labels = COLUMN_LABEL[layout.evidence.argmax(axis=1)]
        expected = hemisphere.pial.vertices_mm[:, 1] < -80
        np.testing.assert_array_equal(labels == LABEL_SET.index("hOc1"), expected)
    np.testing.assert_allclose(
        found.hemispheres[0].pial.vertices_mm, geometry.hemispheres[0].pial.vertices_mm, atol=1e-4
    )


def test_layer_thicknesses_are_used_as_fractions_and_zeros_as_unknown(folder):
    boundaries = folder_geometry(folder).measured_boundaries
    assert boundaries is not None
    np.testing.assert_allclose(boundaries[0][0], np.cumsum([1, 2, 3, 4, 5]) / 21, atol=1e-6)
    assert np.isnan(boundaries[0][5]).all()
    assert np.isfinite(np.delete(boundaries[0], 5, axis=0)).all()


def test_without_thicknesses_layers_come_from_the_tables(folder):
    for side in SIDES:
        columns_path(folder, side, "layer-thickness").unlink()
    assert folder_geometry(folder).measured_boundaries is None


def test_the_folders_licence_is_kept(folder):
    assert "mybrain" in folder_geometry(folder).licence
    (folder / "LICENSE").write_text("CC BY-NC-SA 4.0\n")
    assert folder_geometry(folder).licence == "CC BY-NC-SA 4.0"


def test_a_missing_area_is_named(folder, geometry):
    n = len(geometry.hemispheres[1].pial.vertices_mm)
    names = [area for area in AREAS if area not in ("hOc5", "FG4")]
    write_columns(columns_path(folder, "R", "probability"), names, np.zeros((n, len(names))), "R")
    with pytest.raises(InputError, match=r"hemi-R_probability.func.gii has none for hOc5, FG4"):
        folder_geometry(folder)


def test_probabilities_must_be_there(folder):
    columns_path(folder, "L", "probability").unlink()
    with pytest.raises(InputError, match=r"hemi-L_probability.func.gii must be a GIfTI file, but there is none"):
        folder_geometry(folder)
