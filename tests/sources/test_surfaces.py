from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import Hemisphere, TriangleMesh
from gennari.sources.gifti import columns_path, surface_path, write_columns, write_surface
from gennari.sources.surfaces import read_hemispheres, write_hemispheres

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
    with pytest.raises(
        InputError, match=r"white surface of side R, as hemi-R_white\.surf\.gii, rh\.white or white_right"
    ):
        read_hemispheres(tmp_path)


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


def test_exchanged_names_of_the_sides_are_refused_with_their_mend(hemispheres: Pair, tmp_path: Path) -> None:
    for hemisphere, at in zip(hemispheres, (30.0, -30.0), strict=True):
        for name, mesh in (("pial", hemisphere.pial), ("white", hemisphere.white)):
            moved = TriangleMesh(vertices_mm=mesh.vertices_mm + np.array([at, 0, 0]), faces=mesh.faces)
            write_surface(surface_path(tmp_path, hemisphere.side, name), moved, hemisphere.side)
    with pytest.raises(InputError, match="left and right are swapped: exchange the names of their files"):
        read_hemispheres(tmp_path)


def test_exchanged_pial_and_white_are_refused(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    for name, mesh in (("white", hemispheres[0].pial), ("pial", hemispheres[0].white)):
        write_surface(surface_path(tmp_path, "L", name), mesh, "L")
    with pytest.raises(InputError, match=r"L: the pial surface must lie outside.*exchange the two files"):
        read_hemispheres(tmp_path)


def test_the_white_surface_of_the_other_side_is_refused(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    write_surface(surface_path(tmp_path, "L", "white"), hemispheres[1].white, "L")  # the same faces, 50 mm away
    with pytest.raises(InputError, match=r"hemisphere L: pial and white vertices must correspond.*different sides"):
        read_hemispheres(tmp_path)


def test_faces_that_wind_inward_are_turned_round_and_it_is_said(hemispheres: Pair, tmp_path: Path) -> None:
    write_hemispheres(tmp_path, hemispheres)
    left = hemispheres[0]
    for name in ("pial", "white", "inflated"):
        mesh = getattr(left, name)
        inward = TriangleMesh(vertices_mm=mesh.vertices_mm, faces=np.ascontiguousarray(mesh.faces[:, ::-1]))
        write_surface(surface_path(tmp_path, "L", name), inward, "L")
    with pytest.warns(UserWarning, match="hemisphere L wind inward; they are read turned round"):
        read, _ = read_hemispheres(tmp_path)
    for name in ("pial", "white", "inflated"):
        np.testing.assert_array_equal(getattr(read, name).faces, left.pial.faces)


@pytest.mark.real
@pytest.mark.slow
def test_the_real_bigbrain_surfaces_are_read(real_data: Path) -> None:
    for hemisphere in read_hemispheres(real_data / "bigbrain", bigbrain=True):
        assert len(hemisphere.pial.vertices_mm) == 163_842
        assert 0.04 < hemisphere.medial_wall.mean() < 0.06
