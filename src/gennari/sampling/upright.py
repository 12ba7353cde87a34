"""Which way is up: the rotation that puts the pia above and the white matter below."""

import numpy as np
from jaxtyping import Float, Int
from numpy.lib.stride_tricks import sliding_window_view

from gennari.records import Ribbon


def upright_rotation_deg(
    ribbon: Ribbon,
    rows: Int[np.ndarray, "n"],
    cols: Int[np.ndarray, "n"],
    inward: Float[np.ndarray, "n 2"],
    window_um: float = 1600.0,
) -> Float[np.ndarray, "n"]:
    """Rotation of windows at ribbon pixels whose row axis shall run along increasing depth (docs/coordinates.md).

    The direction of the mean depth gradient over a square around the pixel. A square in a narrow sulcus also holds the
    opposite bank, whose gradient points the other way and would cancel ours: gradients that oppose `inward` are left
    out. Where none is left (a single pixel of cortex), `inward` itself decides.

    Args:
        ribbon: of the section.
        rows: of the pixels.
        cols: of the pixels.
        inward: (row, col) part of the direction from pial to white at each pixel; its length does not matter.
        window_um: side of the square.
    """
    half = max(1, round(window_um / 2 / ribbon.spacing_um))
    padded = np.pad(ribbon.depth, half + 1, constant_values=np.nan)
    around = sliding_window_view(padded, (2 * half + 3, 2 * half + 3))[rows, cols]  # (n, side + 2, side + 2)
    along_row = around[:, 2:, 1:-1] - around[:, :-2, 1:-1]  # (n, side, side)
    along_col = around[:, 1:-1, 2:] - around[:, 1:-1, :-2]
    ahead = along_row * inward[:, 0, None, None] + along_col * inward[:, 1, None, None] > 0  # False where NaN
    gradient = np.stack([np.where(ahead, g, 0).sum(axis=(1, 2), dtype=float) for g in (along_row, along_col)], axis=1)
    gradient = np.where(np.any(gradient, axis=1, keepdims=True), gradient, inward)
    return np.degrees(np.arctan2(gradient[:, 1], gradient[:, 0]))
