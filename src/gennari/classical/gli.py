"""Grey level index: how much of each small field is covered by cell bodies."""

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from gennari.errors import InputError


def cell_mask(
    image: Float[np.ndarray, "h w"], spacing_um: float, window_um: float = 200.0, offset_grey: float = 20.0
) -> Bool[np.ndarray, "h w"]:
    """Pixels of cell bodies: darker than the mean around them by more than an offset.

    The threshold adapts to slow changes of the stain; the square window is cut off at the image's edge by mirroring.

    Args:
        image: grey values 0..255, cells dark.
        spacing_um: of the image.
        window_um: side of the square of the local mean; several cells wide.
        offset_grey: how much darker than the mean a cell is.
    """
    side = max(3, 2 * round(window_um / spacing_um / 2) + 1)
    mean = np.asarray(ndimage.uniform_filter(image.astype(np.float64), side, mode="reflect"))
    return image < mean - offset_grey


def grey_level_index(
    cells: Bool[np.ndarray, "h w"], spacing_um: float, field_um: float = 16.0
) -> Float32[np.ndarray, "hf wf"]:
    """Area fraction of cells in % of each square field (Schleicher et al. 1999: 16 x 16 µm).

    Fields start at the image's corner; a last field that the image does not fill is left out.

    Raises:
        InputError: a field is not a whole number of pixels, at least two (coarser images show no cell bodies).
    """
    side = round(field_um / spacing_um)
    if side < 2 or abs(side * spacing_um - field_um) > 1e-3 * field_um:
        raise InputError(
            f"a grey level index needs fields of a whole number of pixels, at least two, got fields of {field_um:g} µm "
            f"on pixels of {spacing_um:g} µm; read the image at a finer spacing that divides the field"
        )
    h, w = (size // side for size in cells.shape)
    fields = cells[: h * side, : w * side].reshape(h, side, w, side)
    return (100 * fields.mean(axis=(1, 3))).astype(np.float32)
