"""Grey level index: how much of each small field is covered by cell bodies."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from gennari.errors import InputError

VISIBLE_UM = 4.0
"""Pixels no wider than this show cells: small somata of the cortex are 8 µm wide, and need two."""
GLASS_GREY = 230.0
"""Fields of tissue are darker than this."""
CONTRAST = 0.22
"""Between images that show cells and those that do not. A patch of real cortex has 0.34, 0.33 and 0.29 at 1, 2 and
4 µm, the phantom 0.27 to 0.32. The same patch averaged to 16 µm and interpolated back to 2 µm has 0.18 at most, and a
camera's noise on its own 0.1."""


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


@dataclass(frozen=True, kw_only=True)
class CellIndex:
    """How many cells there are at each place of an image, or what stands in for it.

    Attributes:
        values: larger where there are more or larger cells, 0 on glass.
        spacing_um: of the values.
        kind: "gli", the grey level index in %; or "staining", 255 - grey, where cells cannot be told apart.
    """

    values: Float32[np.ndarray, "h w"]
    spacing_um: float
    kind: Literal["gli", "staining"]


def cell_index(
    image: Float[np.ndarray, "h w"], spacing_um: float, field_um: float = 16.0, least_contrast: float = CONTRAST
) -> CellIndex:
    """The grey level index of an image whose cells can be seen, else its staining intensity.

    Cells are seen if pixels are no wider than VISIBLE_UM and if grey values differ enough within fields: an image that
    was made finer than it was taken, or is out of focus, shows none.

    Args:
        image: grey values 0..255, cells dark, glass light.
        spacing_um: of the image.
        field_um: side of a field; the nearest whole number of pixels is taken.
        least_contrast: RMS deviation from the mean of a field, over the mean of 255 - grey; of fields that are tissue.
    """
    side = max(1, round(field_um / spacing_um))
    h, w = (size // side * side for size in image.shape)
    fields = image[:h, :w].astype(np.float64).reshape(h // side, side, w // side, side)
    if spacing_um <= VISIBLE_UM and _contrast(fields) >= least_contrast:
        index = grey_level_index(cell_mask(image, spacing_um), spacing_um, side * spacing_um)
        return CellIndex(values=index, spacing_um=side * spacing_um, kind="gli")
    staining = 255 - fields.mean(axis=(1, 3))
    return CellIndex(values=staining.astype(np.float32), spacing_um=side * spacing_um, kind="staining")


def _contrast(fields: Float[np.ndarray, "h s w s"]) -> float:
    """As `least_contrast`; 0 where there is no tissue."""
    mean, variance = fields.mean(axis=(1, 3)), fields.var(axis=(1, 3))
    tissue = mean < GLASS_GREY
    return float(np.sqrt(variance[tissue].mean()) / (255 - mean[tissue].mean())) if tissue.any() else 0.0
