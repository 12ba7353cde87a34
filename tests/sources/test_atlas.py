from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import LabelSet
from gennari.sources.atlas import read_atlas, write_atlas
from gennari.sources.gifti import columns_path, write_columns


def put(folder: Path, names: list[str], values: np.ndarray) -> None:
    for side in ("L", "R"):
        write_columns(columns_path(folder, side, "probability"), names, values, side)


def test_an_atlas_comes_back_as_it_was_written(tmp_path: Path, label_set: LabelSet, rng: np.random.Generator) -> None:
    sides = (rng.random((5, 2), dtype=np.float32), rng.random((6, 2), dtype=np.float32))
    write_atlas(tmp_path, sides, label_set)
    for written, read in zip(sides, read_atlas(tmp_path, label_set), strict=True):
        np.testing.assert_array_equal(read, written)


def test_columns_are_put_in_the_order_of_the_areas(tmp_path: Path, label_set: LabelSet) -> None:
    put(tmp_path, ["hOc2", "hOc6", "hOc1"], np.array([[0.2, 0.6, 0.1]]))
    left, _ = read_atlas(tmp_path, label_set, ignore=["hOc6"])
    np.testing.assert_allclose(left, [[0.1, 0.2]])


def test_a_column_that_is_neither_area_nor_ignored_is_named(tmp_path: Path, label_set: LabelSet) -> None:
    put(tmp_path, ["hOc2", "hOc6", "hOc1"], np.zeros((4, 3)))
    with pytest.raises(InputError, match="no areas of the dataset: hOc6; list them as ignored"):
        read_atlas(tmp_path, label_set)


def test_an_area_without_column_is_named(tmp_path: Path, label_set: LabelSet) -> None:
    put(tmp_path, ["hOc1"], np.zeros((4, 1)))
    with pytest.raises(InputError, match=r"but hOc2 is missing \(it has hOc1\)"):
        read_atlas(tmp_path, label_set)


def test_percentages_are_refused(tmp_path: Path, label_set: LabelSet) -> None:
    put(tmp_path, ["hOc1", "hOc2"], np.array([[40.0, 60.0]]))
    with pytest.raises(InputError, match=r"probabilities from 0 to 1, got 40\.\.60; divide"):
        read_atlas(tmp_path, label_set)


@pytest.mark.real
def test_the_real_atlas_is_read(real_data: Path) -> None:
    areas = [f"hOc{k}" for k in ("1", "2", "3d", "3v", "4d", "4v", "4la", "4lp", "5")] + [f"FG{k}" for k in range(1, 5)]
    label_set = LabelSet(names=tuple(areas), colours=tuple(f"#0000{k:02x}" for k in range(13)), first_area=0)
    left, right = read_atlas(real_data / "bigbrain", label_set, ignore=("hOc6", "FG5"))
    assert left.shape == right.shape == (163_842, 13)
    assert 0.8 < left.max() <= 1
