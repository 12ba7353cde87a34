from pathlib import Path

import numpy as np
import pytest
from nibabel.affines import apply_affine
from nibabel.freesurfer.io import write_geometry
from nibabel.freesurfer.mghformat import MGHImage

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.sources.freesurfer import read_freesurfer

SHAPE = (256, 240, 200)


def volume_info(axes: np.ndarray, cras: tuple[float, float, float]) -> dict[str, object]:
    return {
        "head": np.array([2, 0, 20], np.int32), "valid": "1  # volume info valid", "filename": "../mri/orig.mgz",
        "volume": np.array(SHAPE), "voxelsize": np.array([1.0, 0.9, 1.1]), "xras": axes[0], "yras": axes[1],
        "zras": axes[2], "cras": np.array(cras),
    }  # fmt: skip


CONFORMED = np.array([[-1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Rows: directions of a conformed volume's columns, rows and slices."""


def test_tkras_is_brought_to_the_scanners_space(surface: TriangleMesh, tmp_path: Path) -> None:
    write_geometry(
        tmp_path / "lh.pial", surface.vertices_mm, surface.faces, volume_info=volume_info(CONFORMED, (3.0, -17.0, 19.0))
    )
    read = read_freesurfer(tmp_path / "lh.pial")
    # a conformed volume has the axes of tkRAS: the two spaces differ by c_ras
    np.testing.assert_allclose(read.vertices_mm, surface.vertices_mm + np.array([3, -17, 19]), atol=1e-5)
    np.testing.assert_array_equal(read.faces, surface.faces)
    stored = read_freesurfer(tmp_path / "lh.pial", "tkr")
    np.testing.assert_allclose(stored.vertices_mm, surface.vertices_mm, atol=1e-5)


def test_an_oblique_volume_agrees_with_the_affines_of_its_header(
    surface: TriangleMesh, tmp_path: Path, rng: np.random.Generator
) -> None:
    axes, _ = np.linalg.qr(CONFORMED + 0.2 * rng.normal(size=(3, 3)))
    info = volume_info(axes, (12.0, -3.5, 40.0))
    write_geometry(tmp_path / "rh.white", surface.vertices_mm, surface.faces, volume_info=info)
    scanner = np.eye(4)
    scanner[:3, :3] = axes.T * info["voxelsize"]
    scanner[:3, 3] = info["cras"] - scanner[:3, :3] @ (np.array(SHAPE) / 2)
    header = MGHImage(np.zeros(SHAPE, np.uint8), scanner).header
    np.testing.assert_allclose(header.get_vox2ras(), scanner, atol=1e-3)
    between = header.get_vox2ras() @ np.linalg.inv(header.get_vox2ras_tkr())
    expected = apply_affine(between, surface.vertices_mm)
    np.testing.assert_allclose(read_freesurfer(tmp_path / "rh.white").vertices_mm, expected, atol=1e-3)


def test_a_surface_without_volume_geometry_is_refused_unless_tkras_will_do(
    surface: TriangleMesh, tmp_path: Path
) -> None:
    write_geometry(tmp_path / "lh.pial", surface.vertices_mm, surface.faces)
    with pytest.raises(InputError, match=r"lh\.pial must carry the geometry of its volume.*mris_convert"):
        read_freesurfer(tmp_path / "lh.pial")
    assert len(read_freesurfer(tmp_path / "lh.pial", "tkr").faces) == len(surface.faces)
    info = volume_info(CONFORMED, (3.0, -17.0, 19.0)) | {"valid": "0  # volume info invalid"}
    write_geometry(tmp_path / "lh.pial", surface.vertices_mm, surface.faces, volume_info=info)
    with pytest.raises(InputError, match="must carry the geometry of its volume"):
        read_freesurfer(tmp_path / "lh.pial")


@pytest.mark.parametrize("keep", [0, 2, 30, 2000, 9000])
def test_a_half_written_file_is_refused(keep: int, surface: TriangleMesh, tmp_path: Path) -> None:
    write_geometry(
        tmp_path / "lh.pial", surface.vertices_mm, surface.faces, volume_info=volume_info(CONFORMED, (0, 0, 0))
    )
    whole = (tmp_path / "lh.pial").read_bytes()
    assert len(whole) > 9000
    (tmp_path / "lh.pial").write_bytes(whole[:keep])
    with pytest.raises(InputError, match="must be a whole FreeSurfer surface"):
        read_freesurfer(tmp_path / "lh.pial", "tkr")


def test_another_kind_of_file_and_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lh.pial").write_bytes(b"\xff\xff\xffthis is a curv file, say")
    with pytest.raises(InputError, match="whole FreeSurfer surface"):
        read_freesurfer(tmp_path / "lh.pial")
    with pytest.raises(InputError, match=r"rh\.pial must be a FreeSurfer surface, but there is none"):
        read_freesurfer(tmp_path / "rh.pial")
