"""Maps per vertex: probabilities in columns, or one label a vertex, in the formats that programs write them in."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int
from nibabel.freesurfer.io import read_annot

from gennari.errors import InputError
from gennari.records import SIDES, Side
from gennari.sources.gifti import load_gifti, read_columns
from gennari.sources.surface_files import side_of

ENDINGS = (".func.gii", ".shape.gii", ".label.gii", ".annot", ".txt", ".npy")
MAX_BYTES = 2**30
"""Of a file."""
MAX_LABELS = 1_000_000
"""Of a table of colours."""
_DAMAGE = (
    OSError, ValueError, LookupError, MemoryError, OverflowError, TypeError, AttributeError, EOFError, SyntaxError,
    TokenError,
)  # fmt: skip
NOBODYS = ("", "???", "unknown", "medial wall", "medial_wall")
"""What programs call vertices without a label; told in small letters."""


class VertexMap(NamedTuple):
    """Named columns of a value 0..1 a vertex."""

    names: tuple[str, ...]
    values: Float32[np.ndarray, "v k"]


def find_vertex_maps(place: Path) -> dict[Side, list[Path]]:
    """The maps of each side at a place: a folder, or one of two files beside each other that differ in their side.

    Files of a data set's other columns (layer-thickness, intensity, medial-wall) are passed over.

    Raises:
        InputError: a side has none.
    """
    folder = place if place.is_dir() else place.parent
    files = [path for path in sorted(folder.iterdir()) if path.name.endswith(ENDINGS)] if folder.is_dir() else []
    found: dict[Side, list[Path]] = {side: [path for path in files if side_of(path.name) == side] for side in SIDES}
    for side in SIDES:
        if len(found[side]) > 1:
            named = [path for path in found[side] if "probability" in path.name]
            found[side] = named or [path for path in found[side] if not _is_other(path.name)]
    if not place.is_dir():
        other: dict[Side, list[Path]] = {
            side: [path for path in found[side] if _same_but_side(path.name, place.name)] for side in SIDES
        }
        found = other
    lacking = [side for side in SIDES if not found[side]]
    if lacking:
        raise InputError(
            f"{place} must hold maps of both sides, told by their names ({', '.join(ENDINGS)}), but there is none of "
            f"{' and '.join(lacking)}; check the names (L, R, lh, rh, left, right)"
        )
    return found


def read_vertex_maps(paths: Sequence[Path], table: Mapping[int, str] | None) -> VertexMap:
    """The columns of several files over the same vertices, side by side; raises InputError as `read_vertex_map`."""
    maps = [read_vertex_map(path, table) for path in paths]
    lengths = {len(one.values) for one in maps}
    if len(lengths) != 1:
        raise InputError(f"maps of a side must have the same vertices, but {paths[0].parent} has {sorted(lengths)}")
    names = tuple(name for one in maps for name in one.names)
    return VertexMap(names, np.concatenate([one.values for one in maps], axis=1))


def read_vertex_map(path: Path, table: Mapping[int, str] | None) -> VertexMap:
    """Columns of .func.gii and .shape.gii as they stand; labels (.label.gii, .annot, one int a vertex) as 0 and 1.

    Args:
        path: of the file.
        table: what the numbers mean, for files that do not say so themselves (.txt, .npy).

    Raises:
        InputError: the file is missing or damaged, or nobody says what its numbers mean.
    """
    if path.name.endswith((".func.gii", ".shape.gii")):
        names, values = read_columns(path)
        anonymous = len(names) == 1 and names[0].startswith("column ")
        return VertexMap((path.name.split(".")[0],) if anonymous else names, values)
    if path.name.endswith(".label.gii"):
        image = load_gifti(path)
        numbers = np.asarray(image.darrays[0].data)
        return _one_hot(numbers, dict(image.labeltable.get_labels_as_dict()), path)
    if path.suffix == ".annot":
        return _annot(path)
    if table is None:
        raise InputError(f"{path} does not say what its numbers mean; give a table of classes with --classes FILE")
    return _one_hot(_numbers(path), table, path)


def _annot(path: Path) -> VertexMap:
    try:
        _check_annot(path)
        labels, _, names = read_annot(path)
    except Exception as error:  # nibabel raises Exception itself for some of what it does not like
        raise InputError(f"{path} must be a whole FreeSurfer annotation, but reading it fails ({error!r})") from error
    return _one_hot(labels, {k: name.decode("utf-8", "replace") for k, name in enumerate(names)}, path)


def _check_annot(path: Path) -> None:
    """Hold what the head of an annotation speaks of against the file's length, before memory is taken."""
    _check_length(path)
    with path.open("rb") as file:
        vertices = int(np.frombuffer(file.read(4), ">i4")[0])
        file.seek(4 + 8 * max(vertices, 0))
        counts = np.frombuffer(file.read(12), ">i4")  # whether there is a table, its length or version, its length
    if not 0 <= 8 * vertices <= path.stat().st_size or (abs(counts[1:].astype(int)) > MAX_LABELS).any():
        raise ValueError(f"it speaks of {vertices} vertices and a table of {counts.tolist()}")


def _check_length(path: Path) -> None:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(
            f"it takes {path.stat().st_size // 2**20} MB, and no map of a surface more than {MAX_BYTES // 2**20}"
        )


def _numbers(path: Path) -> Int[np.ndarray, "v"]:
    try:
        _check_length(path)
        values = _stored(path) if path.suffix == ".npy" else np.loadtxt(path, ndmin=1, encoding="utf-8")
        whole = values.ndim == 1 and bool((abs(values) < 2**31).all() and (values == np.round(values)).all())
    except _DAMAGE as error:
        raise InputError(f"{path} must hold one whole number a vertex, but reading it fails ({error})") from error
    if not whole:
        raise InputError(f"{path} must hold one whole number a vertex, got values of shape {values.shape}; mend it")
    return values.astype(np.int64)


def _stored(path: Path) -> np.ndarray:
    """The array of a .npy file, which must be as long as its head says."""
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        raise ValueError("it is no array of numbers")
    return np.array(values)


def _one_hot(numbers: np.ndarray, table: Mapping[int, str | None], path: Path) -> VertexMap:
    if numbers.ndim != 1:
        raise InputError(f"{path} must hold one label a vertex, got shape {numbers.shape}; take one of its columns")
    named = {key: name for key, name in table.items() if (name or "").strip().lower() not in NOBODYS}
    keys = [key for key in sorted(named) if (numbers == key).any()]
    values = np.stack([numbers == key for key in keys], axis=1) if keys else np.zeros((len(numbers), 0))
    return VertexMap(tuple(str(named[key]) for key in keys), values.astype(np.float32))


def _is_other(name: str) -> bool:
    return any(word in name for word in ("thickness", "intensity", "medial-wall", "curv", "sulc"))


def _same_but_side(name: str, other: str) -> bool:
    """Whether two names differ in the word of their side only."""
    words, others = (re.split(r"[-._]", one) for one in (name, other))
    differing = [word for pair in zip(words, others, strict=False) if len(set(pair)) > 1 for word in pair]
    return len(words) == len(others) and all(side_of(word) for word in differing)
