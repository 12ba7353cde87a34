from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from gennari.errors import InputError
from gennari.records import PairTable, PatchTable
from gennari.sources.tables import (
    read_arrays,
    read_pairs,
    read_patches,
    read_rows,
    write_arrays,
    write_pairs,
    write_patches,
    write_rows,
)


def patches(rng: np.random.Generator, n: int) -> PatchTable:
    return PatchTable(
        brain=np.full(n, "P"),
        section=rng.integers(0, 3000, n, dtype=np.int32),
        side=rng.integers(0, 2, n, dtype=np.int8),
        centre_um=rng.random((n, 2)),
        face=rng.integers(0, 9, n, dtype=np.int32),
        weights=rng.random((n, 3)),
        vertex=rng.integers(0, 9, n, dtype=np.int32),
        brain_mm=rng.random((n, 3)),
        inflated_mm=rng.random((n, 3), dtype=np.float32),
        plane_angle_deg=rng.random(n),
        rotation_deg=rng.random(n),
        curvature_per_mm=rng.random(n),
        other_sheet_mm=rng.random(n),
        tissue_share=rng.random(n),
        split=rng.choice(["train", "val", "test"], n),
    )


@pytest.mark.parametrize("n", [0, 1, 50])
def test_patches_come_back_as_they_were_written(tmp_path: Path, rng: np.random.Generator, n: int) -> None:
    table = patches(rng, n)
    write_patches(tmp_path / "patches.parquet", table)
    read = read_patches(tmp_path / "patches.parquet")
    for field in fields(PatchTable):
        before, after = getattr(table, field.name), getattr(read, field.name)
        np.testing.assert_array_equal(after, before)
        assert after.dtype.kind == before.dtype.kind
        if before.dtype.kind != "U":
            assert after.dtype == before.dtype


def test_pairs_come_back_as_they_were_written(tmp_path: Path, rng: np.random.Generator) -> None:
    first, second = rng.integers(0, 9, (2, 20), dtype=np.int32)
    pairs = PairTable(first=first, second=second, distance_mm=rng.random(20))
    write_pairs(tmp_path / "pairs.parquet", pairs)
    read = read_pairs(tmp_path / "pairs.parquet")
    np.testing.assert_array_equal(read.first, first)
    np.testing.assert_array_equal(read.second, second)
    np.testing.assert_array_equal(read.distance_mm, pairs.distance_mm)


def test_one_table_is_not_taken_for_the_other(tmp_path: Path, rng: np.random.Generator) -> None:
    write_patches(tmp_path / "a.parquet", patches(rng, 3))
    with pytest.raises(
        InputError, match="must hold a PairTable with the columns first, second, distance_mm, got brain"
    ):
        read_pairs(tmp_path / "a.parquet")


def test_a_missing_or_half_written_table_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(InputError, match=r"a\.parquet must be a table, but there is none"):
        read_rows(path)
    write_patches(path, patches(rng, 30))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"a\.parquet must be a whole parquet file"):
        read_patches(path)


@dataclass(frozen=True)
class Record:
    epoch: int
    loss: float
    note: str | None


class Model(BaseModel):
    epoch: int
    loss: float
    note: str | None


class Tuple(NamedTuple):
    epoch: int
    loss: float
    note: str | None


@pytest.mark.parametrize("kind", [Record, Model, Tuple, dict])
def test_rows_of_any_kind_come_back_as_dictionaries(tmp_path: Path, kind: type) -> None:
    rows = [kind(epoch=1, loss=np.float32(0.5), note=None), kind(epoch=np.int64(2), loss=0.25, note="stopped")]
    write_rows(tmp_path / "h.parquet", rows)
    expected = [{"epoch": 1, "loss": 0.5, "note": None}, {"epoch": 2, "loss": 0.25, "note": "stopped"}]
    assert read_rows(tmp_path / "h.parquet") == expected
    assert pq.read_table(tmp_path / "h.parquet").column_names == ["epoch", "loss", "note"]


def test_rows_that_differ_or_are_none_are_refused(tmp_path: Path) -> None:
    for rows in ([], [{"a": 1}, {"b": 1}]):
        with pytest.raises(ValueError, match="rows with the same keys, and at least one"):
            write_rows(tmp_path / "h.parquet", rows)
    with pytest.raises(ValueError, match="a named tuple or a mapping, got int"):
        write_rows(tmp_path / "h.parquet", [3])


def test_arrays_come_back_by_name_and_lengths_must_agree(tmp_path: Path, rng: np.random.Generator) -> None:
    columns = {
        "score": rng.normal(size=4),
        "at_mm": rng.normal(size=(4, 3)),
        "closed": np.array([True, False, True, True]),
        "area": np.array(["hOc1", "", "hOc2", "hOc1"]),
    }
    path = tmp_path / "gaps.parquet"
    write_arrays(path, columns)
    found = read_arrays(path, list(columns))
    assert all(np.array_equal(found[name], values) for name, values in columns.items())
    with pytest.raises(InputError, match="must hold a table with the columns score, got"):
        read_arrays(path, ["score"])
    for bad in ({}, {"a": np.zeros(2), "b": np.zeros(3)}):
        with pytest.raises(ValueError, match="columns of one length"):
            write_arrays(path, bad)
