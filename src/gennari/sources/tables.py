"""Tables between the stages, as parquet files that every data tool opens."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from gennari.errors import InputError
from gennari.records import PairTable, PatchTable
from gennari.sources.atomic import atomic_path

MAX_ROWS = 100_000_000
"""Of a table: the paper's run has 200,000 patches."""
Cell = str | int | float | bool | None
Row = Mapping[str, Cell]
_Table = TypeVar("_Table", PatchTable, PairTable)


def write_patches(path: Path, patches: PatchTable) -> None:
    """Write a PatchTable, atomically; (n, 3) columns become lists of three."""
    _write(path, _columns(patches))


def read_patches(path: Path) -> PatchTable:
    """Read a PatchTable; raises InputError if the file is missing, damaged, or another table."""
    return _read_record(path, PatchTable)


def write_pairs(path: Path, pairs: PairTable) -> None:
    """Write a PairTable, atomically."""
    _write(path, _columns(pairs))


def read_pairs(path: Path) -> PairTable:
    """Read a PairTable; raises InputError if the file is missing, damaged, or another table."""
    return _read_record(path, PairTable)


def write_arrays(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write columns of one length, atomically; (n, k) columns become lists of k.

    Raises:
        ValueError: the columns differ in length.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"a table needs columns of one length, and at least one, got {lengths} for {path.name}")
    _write(path, _table_of(columns))


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read a table of exactly these columns; raises InputError if the file is missing, damaged, or another table."""
    return _read_columns(path, names, "table")


def write_rows(path: Path, rows: Sequence[object]) -> None:
    """Write rows (all of one kind: frozen dataclasses, pydantic models, named tuples, or mappings), atomically.

    Raises:
        ValueError: there are no rows, or they differ in their keys.
    """
    plain = [_as_mapping(row) for row in rows]
    if not plain or any(row.keys() != plain[0].keys() for row in plain):
        raise ValueError(
            f"write_rows needs rows with the same keys, and at least one, got {len(plain)} for {path.name}"
        )
    _write(path, pa.table({key: [_plain(row[key]) for row in plain] for key in plain[0]}))


def read_rows(path: Path) -> list[dict[str, Cell]]:
    """Read rows as dictionaries; raises InputError if the file is missing or damaged."""
    return _read(path).to_pylist()


def _columns(record: PatchTable | PairTable) -> pa.Table:
    return _table_of({field.name: getattr(record, field.name) for field in fields(record)})


def _table_of(columns: Mapping[str, np.ndarray]) -> pa.Table:
    arrays = {}
    for name, values in columns.items():
        if values.ndim == 2:
            flat = pa.array(np.ascontiguousarray(values).ravel())
            arrays[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        else:
            text = values.dtype.kind in "UO"
            arrays[name] = pa.array(values.tolist(), pa.string()) if text else pa.array(values)
    return pa.table(arrays)


def _read_record(path: Path, kind: type[_Table]) -> _Table:
    return kind(**_read_columns(path, [field.name for field in fields(kind)], kind.__name__))


def _read_columns(path: Path, names: Sequence[str], kind: str) -> dict[str, np.ndarray]:
    table = _read(path)
    if set(table.column_names) != set(names):
        raise InputError(
            f"{path} must hold a {kind} with the columns {', '.join(names)}, "
            f"got {', '.join(table.column_names)}; is it another table, or from another version?"
        )
    return {name: _array(table.column(name).combine_chunks()) for name in names}


def _array(column: pa.Array) -> np.ndarray:
    if isinstance(column, pa.FixedSizeListArray):
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=np.str_)
    return column.to_numpy(zero_copy_only=False)


def _write(path: Path, table: pa.Table) -> None:
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise InputError(f"{path} must be a table, but there is none; was the stage that writes it run?")
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MAX_ROWS:
                raise InputError(
                    f"a table may have {MAX_ROWS:,} rows, but {path} has {file.metadata.num_rows:,}; run its "
                    "stage again"
                )
            return file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} must be a whole parquet file, but it cannot be read; run its stage again") from error


def _as_mapping(row: object) -> Mapping[str, object]:
    if isinstance(row, BaseModel):
        return row.model_dump()
    if is_dataclass(row) and not isinstance(row, type):
        return asdict(row)
    if isinstance(row, tuple) and hasattr(row, "_asdict"):
        return row._asdict()  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(row, Mapping):
        return row
    raise ValueError(f"a row must be a dataclass, a model, a named tuple or a mapping, got {type(row).__name__}")


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
