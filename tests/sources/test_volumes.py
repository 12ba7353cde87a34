from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sources import volumes
from gennari.sources.volumes import open_volume, sample

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 0, 3.0, -5], [0, 1.5, 0, 2], [0, 0, 0, 1]])
"""Axes turned and mirrored, as files have them."""


def put(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def test_a_linear_volume_is_read_exactly_between_its_voxels(tmp_path: Path, rng: np.random.Generator) -> None:
    i, j, k = np.meshgrid(np.arange(6), np.arange(7), np.arange(8), indexing="ij")
    path = put(tmp_path / "a.nii.gz", (i + 2 * j - 3 * k).astype(np.float32))
    voxels = rng.uniform(0, 5, (50, 3))
    points_mm = voxels @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    expected = voxels @ np.array([1, 2, -3])
    np.testing.assert_allclose(sample(open_volume(path), points_mm, "a"), expected, atol=1e-4)


def test_beyond_the_volume_and_at_nan_there_is_nothing(tmp_path: Path) -> None:
    data = np.ones((4, 4, 4), np.float32)
    data[0, 0, 0] = np.nan
    path = put(tmp_path / "a.nii", data)
    np.testing.assert_array_equal(sample(open_volume(path), AFFINE[:3, 3] + np.array([[0, 0, 0], [99, 0, 0]]), "a"), 0)


def test_each_map_of_four_axes_is_read_by_itself(tmp_path: Path) -> None:
    path = put(tmp_path / "a.nii", np.stack([np.full((3, 3, 3), v, np.float32) for v in (1, 2)], axis=3))
    inside = AFFINE[:3, 3][None] + AFFINE[:3, :3].sum(axis=1)
    assert [float(sample(open_volume(path), inside, "a", k)[0]) for k in (0, 1)] == [1, 2]


def test_a_header_that_asks_for_too_much_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((30000, 30000, 30000))
    header.set_data_dtype(np.float32)
    header["magic"], header["vox_offset"] = b"n+1", 352
    (tmp_path / "a.nii").write_bytes(header.binaryblock + b"\0" * 4)
    with pytest.raises(InputError, match="500,000,000 voxels"):
        open_volume(tmp_path / "a.nii")


def test_damaged_files_are_refused(tmp_path: Path, monkeypatch) -> None:
    whole = put(tmp_path / "a.nii", np.zeros((9, 9, 9), np.float32)).read_bytes()
    (tmp_path / "b.nii").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="whole voxels"):
        sample(open_volume(tmp_path / "b.nii"), np.zeros((1, 3)), "b")
    (tmp_path / "c.nii").write_bytes(b"no volume at all")
    (tmp_path / "d.nii.gz").write_bytes(b"no gzip")
    for name, said in (("c.nii", "whole NIfTI"), ("d.nii.gz", "whole NIfTI"), ("e.nii", "there is none")):
        with pytest.raises(InputError, match=said):
            open_volume(tmp_path / name)
    monkeypatch.setattr(volumes, "MAX_VOXELS", 100)
    with pytest.raises(InputError, match="resample it"):
        open_volume(tmp_path / "a.nii")
    monkeypatch.undo()
    flat = nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), None)
    flat.header["sform_code"], flat.header["srow_x"] = 1, (0, 0, 0, 0)
    (tmp_path / "f.nii").write_bytes(flat.to_bytes())
    with pytest.raises(InputError, match="invertible"):
        open_volume(tmp_path / "f.nii")
