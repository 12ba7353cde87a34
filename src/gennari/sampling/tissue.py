"""How much of a patch's window is tissue, by the surfaces alone: no image is read."""

import numpy as np
from jaxtyping import Bool, Float, Int


def tissue_share(
    tissue: Bool[np.ndarray, "h w"],
    rows: Int[np.ndarray, "n"],
    cols: Int[np.ndarray, "n"],
    rotation_deg: Float[np.ndarray, "n"],
    side_px: float,
) -> Float[np.ndarray, "n"]:
    """Share of square windows that is tissue; what lies beside the grid is not.

    The window is asked at about one point a pixel of the grid, laid out as `Window` lays its own pixels
    (docs/coordinates.md).

    Args:
        tissue: cortex or white matter, on a section's grid.
        rows: of the pixels the windows are centred on.
        cols: of the same.
        rotation_deg: of the windows.
        side_px: of the windows, in pixels of the grid.
    """
    count = max(1, round(side_px))
    step = (np.arange(count) - (count - 1) / 2) * (side_px / count)
    down, across = (axis.ravel() for axis in np.meshgrid(step, step, indexing="ij"))
    cos, sin = np.cos(np.radians(rotation_deg))[:, None], np.sin(np.radians(rotation_deg))[:, None]
    row = np.rint(rows[:, None] + cos * down - sin * across).astype(int)  # (n, count²)
    col = np.rint(cols[:, None] + sin * down + cos * across).astype(int)
    height, width = tissue.shape
    inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
    return (tissue[np.clip(row, 0, height - 1), np.clip(col, 0, width - 1)] & inside).mean(axis=1)
