from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.freesurfer.io import write_annot
from nibabel.gifti.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable

from gennari.errors import InputError
from gennari.sources.gifti import write_columns
from gennari.sources.vertex_maps import find_vertex_maps, read_vertex_map, read_vertex_maps

LABELS = np.array([0, 1, 2, 2, 1])
HOT = np.array([[0, 0], [1, 0], [0, 1], [0, 1], [1, 0]], np.float32)


def test_columns_are_taken_as_they_stand(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.uniform(size=(5, 2)).astype(np.float32)
    write_columns(tmp_path / "hemi-L_a.func.gii", ["hOc1", "hOc2"], values, "L")
    found = read_vertex_map(tmp_path / "hemi-L_a.func.gii", None)
    assert found.names == ("hOc1", "hOc2")
    np.testing.assert_array_equal(found.values, values)


def test_labels_of_every_format_are_zeros_and_ones(tmp_path: Path) -> None:
    table = GiftiLabelTable()
    for key, name in enumerate(("???", "hOc1", "hOc2", "never met")):
        label = GiftiLabel(key=key)
        label.label = name
        table.labels.append(label)
    array = GiftiDataArray(LABELS.astype(np.int32), intent="NIFTI_INTENT_LABEL", datatype="NIFTI_TYPE_INT32")
    nib.save(GiftiImage(darrays=[array], labeltable=table), tmp_path / "L.label.gii")
    colours = np.array([[1, 1, 1, 0], [255, 0, 0, 0], [0, 0, 255, 0]])
    write_annot(tmp_path / "lh.a.annot", LABELS, colours, ["unknown", "hOc1", "hOc2"], fill_ctab=True)
    np.save(tmp_path / "L.npy", LABELS)
    np.savetxt(tmp_path / "L.txt", LABELS)
    for name in ("L.label.gii", "lh.a.annot", "L.npy", "L.txt"):
        found = read_vertex_map(tmp_path / name, {1: "hOc1", 2: "hOc2"} if name[-4:] in (".npy", ".txt") else None)
        assert found.names == ("hOc1", "hOc2"), name
        np.testing.assert_array_equal(found.values, HOT)


def test_numbers_without_a_table_and_damaged_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "L.npy", LABELS)
    with pytest.raises(InputError, match="--classes FILE"):
        read_vertex_map(tmp_path / "L.npy", None)
    np.save(tmp_path / "L.npy", LABELS + 0.5)
    (tmp_path / "L.txt").write_text("1\nx\n")
    (tmp_path / "lh.annot").write_bytes(b"\0\0")
    for name, said in (("L.npy", "whole number"), ("L.txt", "whole number"), ("lh.annot", "whole FreeSurfer")):
        with pytest.raises(InputError, match=said):
            read_vertex_map(tmp_path / name, {1: "hOc1"})


def test_maps_are_found_by_side_and_other_columns_passed_over(tmp_path: Path) -> None:
    for name in ("lh.aparc.annot", "rh.aparc.annot", "hemi-L_layer-thickness.func.gii", "readme.md"):
        (tmp_path / name).touch()
    found = find_vertex_maps(tmp_path)
    assert [[path.name for path in found[side]] for side in "LR"] == [["lh.aparc.annot"], ["rh.aparc.annot"]]
    assert find_vertex_maps(tmp_path / "lh.aparc.annot") == found
    (tmp_path / "rh.aparc.annot").unlink()
    with pytest.raises(InputError, match="there is none of R"):
        find_vertex_maps(tmp_path)


def test_one_file_an_area_becomes_columns(tmp_path: Path) -> None:
    for name, column in zip(("hOc1_L", "hOc2_L"), HOT.T, strict=True):
        write_columns(tmp_path / f"{name}.func.gii", [""], column[:, None], "L")
    found = read_vertex_maps([tmp_path / "hOc1_L.func.gii", tmp_path / "hOc2_L.func.gii"], None)
    assert found.names == ("hOc1_L", "hOc2_L")
    np.testing.assert_array_equal(found.values, HOT)
    write_columns(tmp_path / "hOc3_L.func.gii", [""], np.zeros((4, 1)), "L")
    with pytest.raises(InputError, match="same vertices"):
        read_vertex_maps([tmp_path / "hOc1_L.func.gii", tmp_path / "hOc3_L.func.gii"], None)
