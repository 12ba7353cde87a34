"""Whether a section's image shows the brain where the surfaces say it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label, map_coordinates

from gennari.errors import InputError
from gennari.records import BACKGROUND_GREY
from gennari.surface.contours import fill_polygons

CLOSED_MM = 2.0
"""Sulci narrower than twice this are closed in both outlines: in an image their banks touch or not, as it comes."""
LEAST_CONTRAST = 20.0
"""Grey values between glass and tissue, else there is no tissue to be told."""
SMALL_SHARE = 0.02
"""Pieces below this share of the largest one are dirt, or another organ."""
SPACING_MIX_UP = 20.0 / 21.1667
"""The distance between BigBrain's sections taken for its pixel size."""


@dataclass(frozen=True, kw_only=True)
class TissueFit:
    """How the outline of the pial surface and that of the tissue lie to each other on one section.

    Attributes:
        median_mm: of the distances from the surface's outline to the tissue's.
        far_mm: their 95th percentile.
        otherwise_mm: the median if the image were turned over or its pixels were of another size.
        outline_um: (row, col) points of the surface's outline.
        edge_um: of the tissue's.
    """

    median_mm: float
    far_mm: float
    otherwise_mm: Mapping[str, float]
    outline_um: Float[np.ndarray, "n 2"]
    edge_um: Float[np.ndarray, "m 2"]

    @property
    def better(self) -> str | None:
        """What would fit far better (less than half the median), None if nothing would."""
        name = min(self.otherwise_mm, key=lambda key: self.otherwise_mm[key])
        return name if self.otherwise_mm[name] < 0.5 * self.median_mm else None


def fit_tissue(
    image: Float[np.ndarray, "h w"], rings_um: Sequence[Sequence[Float[np.ndarray, "_ 2"]]], spacing_um: float
) -> TissueFit:
    """Compare a coarse image of a section with the contours of the pial surfaces.

    Both are made masks, closed by CLOSED_MM and filled, so that only outlines towards the glass count.

    Args:
        image: grey values on a grid that covers the section, tissue darker than glass; 100-300 µm do.
        rings_um: contours of each hemisphere's pial surface, (row, col).
        spacing_um: of the image.

    Raises:
        InputError: the image shows no tissue, or the plane meets no cortex.
    """
    shape = (image.shape[0], image.shape[1])
    cortex = np.zeros(shape, bool)
    for rings in rings_um:
        cortex |= fill_polygons([ring / spacing_um for ring in rings], shape, "winding")
    if not cortex.any():
        raise InputError("the section's plane must meet the cortex within the image, but it does not; check its affine")
    reach_px = 1000 * CLOSED_MM / spacing_um
    outline = outer_edge(cortex, reach_px)
    tissue = tissue_mask(image)
    edge = outer_edge(tissue, reach_px)
    points = np.argwhere(outline) + 0.5
    far_px = np.asarray(distance_transform_edt(~edge))
    others = {name: _median_mm(far_px, moved, spacing_um) for name, moved in _otherwise(points, shape).items()}
    distances = _distances_mm(far_px, points, spacing_um)
    return TissueFit(
        median_mm=float(np.median(distances)),
        far_mm=float(np.percentile(distances, 95)),
        otherwise_mm=others,
        outline_um=points * spacing_um,
        edge_um=(np.argwhere(edge) + 0.5) * spacing_um,
    )


def tissue_mask(image: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels darker than half way from glass to the tissue's median, without small pieces.

    Raises:
        InputError: nothing is LEAST_CONTRAST darker than glass.
    """
    darker = BACKGROUND_GREY - image
    stained = darker > LEAST_CONTRAST
    if stained.mean() < 1e-3:
        raise InputError(
            f"a section must show tissue at least {LEAST_CONTRAST:g} grey values darker than glass (255), but next to "
            "nothing is; is the image inverted, empty or another file?"
        )
    mask = darker > 0.5 * float(np.median(darker[stained]))
    pieces, _ = label(mask)  # pyright: ignore[reportGeneralTypeIssues]
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes >= SMALL_SHARE * sizes.max())[pieces] & mask


def outer_edge(mask: Bool[np.ndarray, "h w"], reach_px: float) -> Bool[np.ndarray, "h w"]:
    """Outermost pixels of a mask whose inlets, narrower than twice `reach_px`, and holes are closed."""
    margin = int(np.ceil(reach_px)) + 2
    padded = np.pad(mask, margin)
    grown = np.asarray(distance_transform_edt(~padded)) <= reach_px
    closed = np.asarray(distance_transform_edt(grown)) > reach_px
    filled = np.asarray(binary_fill_holes(closed | padded))
    inner = np.asarray(distance_transform_edt(filled)) > 1
    return (filled & ~inner)[margin:-margin, margin:-margin]


def _otherwise(points: Float[np.ndarray, "n 2"], shape: tuple[int, int]) -> dict[str, Float[np.ndarray, "n 2"]]:
    height, width = shape
    return {
        "turned upside down": np.column_stack([height - points[:, 0], points[:, 1]]),
        "mirrored left to right": np.column_stack([points[:, 0], width - points[:, 1]]),
        "with pixels of 21.1667 µm instead of 20": points * SPACING_MIX_UP,
        "with pixels of 20 µm instead of 21.1667": points / SPACING_MIX_UP,
    }


def _median_mm(far_px: Float[np.ndarray, "h w"], points: Float[np.ndarray, "n 2"], spacing_um: float) -> float:
    return float(np.median(_distances_mm(far_px, points, spacing_um)))


def _distances_mm(
    far_px: Float[np.ndarray, "h w"], points: Float[np.ndarray, "n 2"], spacing_um: float
) -> Float[np.ndarray, "n"]:
    """Distance to the tissue's edge at points; of those outside the image, from the nearest pixel on."""
    inside = np.clip(points - 0.5, 0, np.array(far_px.shape) - 1.0)
    beyond = np.linalg.norm(points - 0.5 - inside, axis=1)
    return (map_coordinates(far_px, inside.T, order=1, mode="nearest") + beyond) * spacing_um / 1000
