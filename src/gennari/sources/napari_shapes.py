"""napari's shapes as CSV: index, shape-type, vertex-index, axis-0 (row), axis-1 (col)."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from gennari.errors import InputError
from gennari.sources.drawings import Drawn, check_count, check_size, drawn_area

COLUMNS = ("index", "shape-type", "vertex-index", "axis-0", "axis-1")
ELLIPSE_POINTS = 128


def read_napari(path: Path) -> tuple[list[Drawn], list[str]]:
    """Polygons, rectangles and ellipses of a shapes layer; lines and paths are left out, with a sentence each.

    The layer's coordinates are pixel centres, (0, 0) being the middle of the first pixel. Where a column `class` or
    `name` was added it names the class.

    Raises:
        InputError: the file is missing, too large, no such table, or a shape encloses nothing.
    """
    check_size(path)
    try:
        table = pd.read_csv(path, low_memory=False)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path} must be a CSV of napari shapes, but it cannot be read ({error})") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"{path} must have the columns of napari's shapes ({', '.join(COLUMNS)}), but {', '.join(missing)} is "
            "missing; save the layer with napari's own CSV writer, in two dimensions"
        )
    try:
        table = table.astype({"index": int, "vertex-index": int, "axis-0": float, "axis-1": float})
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{path} must hold numbers of shapes and places, but a column holds something else ({error}); "
            "save the layer again"
        ) from error
    check_count(table["index"].nunique(), path)
    named = next((name for name in ("class", "name") if name in table.columns), None)
    drawn, notes = [], []
    for number, rows in table.groupby("index", sort=True):
        where = f"shape {number} of {path}"
        kind = str(rows["shape-type"].iloc[0])
        ordered = rows.sort_values("vertex-index")
        points = ordered[["axis-1", "axis-0"]].to_numpy(float) + 0.5
        if kind not in ("polygon", "rectangle", "ellipse"):
            notes.append(f"{where} is no area ({kind}) and is left out")
            continue
        if kind == "ellipse" and len(points) != 4:
            raise InputError(f"{where} is an ellipse and must have four corners, got {len(points)}; draw it anew")
        ring = _ellipse(points) if kind == "ellipse" else points
        drawn.append(Drawn(str(rows[named].iloc[0]) if named else None, drawn_area([ring], where), where))
    return drawn, notes


def _ellipse(corners: Float[np.ndarray, "4 2"]) -> Float[np.ndarray, "_ 2"]:
    """The ellipse in a turned rectangle."""
    centre = corners.mean(axis=0)
    first, second = 0.5 * (corners[1] - corners[0]), 0.5 * (corners[-1] - corners[0])
    angle = 2 * np.pi * np.arange(ELLIPSE_POINTS)[:, None] / ELLIPSE_POINTS
    return centre + np.cos(angle) * first + np.sin(angle) * second
