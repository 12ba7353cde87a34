from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import Hemisphere, TriangleMesh
from gennari.sources.surfaces import (
    columns_path,
    read_columns,
    read_hemispheres,
    read_surface,
    surface_path,
    write_columns,
    write_hemispheres,
    write_surface,
)

Pair = tuple[Hemisphere, Hemisphere]


def test_hemispheres_come_back_as_they_were_written(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    for written, read in zip(hemispheres, read_hemispheres(tmp_path), strict=True):
        assert read.side == written.side
        np.testing.assert_array_equal(read.pial.faces, written.pial.faces)
        np.testing.assert_allclose(read.pial.vertices_mm, written.pial.vertices_mm, atol=1e-5)
        np.testing.assert_allclose(read.white.vertices_mm, written.white.vertices_mm, atol=1e-5)
        np.testing.assert_allclose(read.inflated.vertices_mm, written.inflated.vertices_mm, atol=1e-5)
        np.testing.assert_array_equal(read.medial_wall, written.medial_wall)


def test_columns_come_back_with_their_names(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.random((7, 2), dtype=np.float32)
    write_columns(tmp_path / "a.func.gii", ["hOc1", "hOc2"], values, "L")
    names, read = read_columns(tmp_path / "a.func.gii")
    assert names == ("hOc1", "hOc2")
    np.testing.assert_array_equal(read, values)


def test_each_column_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a name for each column, got 1 for 2"):
        write_columns(tmp_path / "a.func.gii", ["hOc1"], np.zeros((3, 2)), "L")


def test_without_a_wall_file_layers_and_then_thickness_tell_the_medial_wall(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    columns_path(tmp_path, "L", "medial-wall").unlink()
    columns_path(tmp_path, "R", "medial-wall").unlink()
    layers = np.ones((len(hemispheres[0].medial_wall), 6))
    layers[:5] = 0
    layers[7, 0] = 0
    write_columns(columns_path(tmp_path, "L", "layer-thickness"), list("abcdef"), layers, "L")
    left, right = read_hemispheres(tmp_path)
    np.testing.assert_array_equal(np.flatnonzero(left.medial_wall), np.arange(5))
    assert not right.medial_wall.any()


def test_a_missing_inflated_surface_is_computed(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    surface_path(tmp_path, "L", "inflated").unlink()
    left, _ = read_hemispheres(tmp_path)
    assert left.inflated.vertices_mm.shape == left.pial.vertices_mm.shape
    assert not np.allclose(left.inflated.vertices_mm, hemispheres[0].inflated.vertices_mm, atol=0.1)


def test_a_missing_folder_and_a_missing_file_are_named(hemispheres: Pair, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere must be a folder of surfaces"):
        read_hemispheres(tmp_path / "nowhere")
    write_hemispheres(tmp_path, hemispheres)
    surface_path(tmp_path, "R", "white").unlink()
    with pytest.raises(InputError, match=r"hemi-R_white\.surf\.gii must be a GIfTI file, but there is none"):
        read_hemispheres(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_half_written_surface_is_refused(hemispheres: Pair, tmp_path: Path, share: float) -> None:
    path = tmp_path / "hemi-L_pial.surf.gii"
    write_surface(path, hemispheres[0].pial, "L")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="must be a whole GIfTI file"):
        read_surface(path)


def test_garbage_within_a_surface_is_refused(hemispheres: Pair, tmp_path: Path) -> None:
    path = tmp_path / "hemi-L_pial.surf.gii"
    write_surface(path, hemispheres[0].pial, "L")
    whole = path.read_bytes()
    middle = whole.index(b"<Data>") + 40
    path.write_bytes(whole[:middle] + b"AAAAAAAA" + whole[middle + 8 :])
    with pytest.raises(InputError, match="must be a whole GIfTI file"):
        read_surface(path)


def test_columns_are_no_surface_and_a_surface_is_no_columns(hemispheres: Pair, tmp_path: Path) -> None:
    write_columns(tmp_path / "a.func.gii", ["x"], np.zeros((3, 1)), "L")
    with pytest.raises(InputError, match="one set of points and one of triangles, got 0 and 0"):
        read_surface(tmp_path / "a.func.gii")
    write_surface(tmp_path / "a.surf.gii", hemispheres[0].pial, "L")
    with pytest.raises(InputError, match="columns of one value a vertex"):
        read_columns(tmp_path / "a.surf.gii")


def test_pial_and_white_that_do_not_correspond_are_refused(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    left = hemispheres[0]
    other = TriangleMesh(vertices_mm=left.white.vertices_mm, faces=np.ascontiguousarray(left.white.faces[:, ::-1]))
    write_surface(surface_path(tmp_path, "L", "white"), other, "L")
    with pytest.raises(InputError, match=r"hemisphere L: .*faces"):
        read_hemispheres(tmp_path)


def test_an_inflated_surface_of_other_faces_is_refused(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    left = hemispheres[0].inflated
    other = TriangleMesh(vertices_mm=left.vertices_mm, faces=left.faces[::-1].copy())
    write_surface(surface_path(tmp_path, "L", "inflated"), other, "L")
    with pytest.raises(InputError, match=r"hemi-L_inflated\.surf\.gii must have the faces of the pial"):
        read_hemispheres(tmp_path)


def test_a_wall_of_another_mesh_is_refused(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    write_columns(columns_path(tmp_path, "L", "medial-wall"), ["medial wall"], np.zeros((5, 1)), "L")
    with pytest.raises(InputError, match=r"one row a vertex of the pial surface \(258\), got 5"):
        read_hemispheres(tmp_path)


def test_inverted_surfaces_are_refused_with_the_mend(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    for hemisphere in hemispheres:
        for name, mesh in (("pial", hemisphere.pial), ("white", hemisphere.white)):
            turned = TriangleMesh(vertices_mm=mesh.vertices_mm * (-1, -1, 1), faces=mesh.faces)
            write_surface(surface_path(tmp_path, hemisphere.side, name), turned, hemisphere.side)
    with pytest.raises(InputError, match="negate x and y of every vertex"):
        read_hemispheres(tmp_path)


def test_surfaces_outside_bigbrain_space_are_refused_when_they_claim_it(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    read_hemispheres(tmp_path, bigbrain=True)
    pial = hemispheres[1].pial
    far = TriangleMesh(vertices_mm=pial.vertices_mm + np.array([0.0, 75.0, 0.0]), faces=pial.faces)
    write_surface(surface_path(tmp_path, "R", "pial"), far, "R")
    with pytest.raises(InputError, match=r"BigBrain surfaces must keep y within.*hemi-R_pial"):
        read_hemispheres(tmp_path, bigbrain=True)


@pytest.mark.real
@pytest.mark.slow
def test_the_real_bigbrain_surfaces_are_read(real_data: Path) -> None:
    for hemisphere in read_hemispheres(real_data / "bigbrain", bigbrain=True):
        assert len(hemisphere.pial.vertices_mm) == 163_842
        assert 0.04 < hemisphere.medial_wall.mean() < 0.06
