"""The probabilistic atlas: for each vertex how often each area was found there."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from gennari.errors import InputError
from gennari.records import SIDES, LabelSet, Side
from gennari.sources.gifti import columns_path, read_columns, write_columns

_NAME = "probability"


def read_atlas(
    folder: Path, label_set: LabelSet, ignore: Collection[str] = ()
) -> tuple[Float32[np.ndarray, "_ a"], Float32[np.ndarray, "_ a"]]:
    """Area probabilities per vertex, left and right, from hemi-{L,R}_probability.func.gii.

    Args:
        folder: where the two files are.
        label_set: gives the areas and their order.
        ignore: columns that are there but not wanted (they count as other cortex).

    Raises:
        InputError: a file is missing or damaged, an area has no column, a column is neither an area nor ignored, or a
            value is no probability.
    """
    left, right = (_read(columns_path(folder, side, _NAME), label_set, ignore) for side in SIDES)
    return left, right


def write_atlas(folder: Path, probabilities: Sequence[Float[np.ndarray, "_ a"]], label_set: LabelSet) -> None:
    """Write area probabilities per vertex (left, right; columns as `label_set.areas`), atomically."""
    for side, values in zip(SIDES, probabilities, strict=True):
        _write(folder, side, values, label_set)


def _write(folder: Path, side: Side, values: Float[np.ndarray, "v a"], label_set: LabelSet) -> None:
    write_columns(columns_path(folder, side, _NAME), label_set.areas, values, side)


def _read(path: Path, label_set: LabelSet, ignore: Collection[str]) -> Float32[np.ndarray, "v a"]:
    names, values = read_columns(path)
    missing = [area for area in label_set.areas if area not in names]
    if missing:
        raise InputError(
            f"{path} must have a column for each area, but {', '.join(missing)} is missing "
            f"(it has {', '.join(names)}); take an atlas of these areas"
        )
    unknown = [name for name in names if name not in label_set.areas and name not in ignore]
    if unknown:
        raise InputError(
            f"{path} has columns that are no areas of the dataset: {', '.join(unknown)}; "
            "list them as ignored if they are to count as other cortex"
        )
    chosen = values[:, [names.index(area) for area in label_set.areas]]
    if not (np.isfinite(chosen).all() and chosen.min() >= 0 and chosen.max() <= 1 + 1e-5):
        raise InputError(
            f"{path} must hold probabilities from 0 to 1, got {chosen.min():g}..{chosen.max():g}; "
            "divide percentages by 100"
        )
    return np.minimum(chosen, 1.0).astype(np.float32)
