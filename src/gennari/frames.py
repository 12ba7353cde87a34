"""Named coordinate frames and the affine maps between them (docs/coordinates.md rules both)."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float


class Frame(StrEnum):
    """Where a coordinate lives; a coordinate without a frame is not one."""

    SECTION_UM = "section_um"
    """(row, col, across): µm from the outer corner of pixel (0, 0); across is the distance from the plane."""
    BRAIN_MM = "brain_mm"
    """(x right, y anterior, z superior) of one brain."""
    INFLATED_MM = "inflated_mm"
    """(x, y, z) on a hemisphere's inflated surface, centred on its own centroid."""
    ATLAS_MM = "atlas_mm"
    """(x right, y anterior, z superior) of a reference space."""


@dataclass(frozen=True, kw_only=True)
class Affine:
    """An affine map from one frame to another; composing it with the wrong frame is refused.

    Attributes:
        matrix: (4, 4), acts on column vectors (a, b, c, 1).
        source: frame of the points it takes.
        target: frame of the points it gives.
    """

    matrix: Float[np.ndarray, "4 4"]
    source: Frame
    target: Frame

    def __post_init__(self) -> None:
        if not np.allclose(self.matrix[3], (0, 0, 0, 1)):
            raise ValueError(f"the last row of an affine must be (0, 0, 0, 1), got {self.matrix[3].tolist()}")
        if abs(np.linalg.det(self.matrix[:3, :3])) < 1e-18:
            raise ValueError(f"an affine must be invertible; the one from {self.source} to {self.target} is not")

    def apply(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Map points (n, 3) from `source` to `target`."""
        return points @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def inverse(self) -> "Affine":
        """The map back."""
        return Affine(matrix=np.linalg.inv(self.matrix), source=self.target, target=self.source)

    def after(self, first: "Affine") -> "Affine":
        """The map that applies `first`, then this one.

        Raises:
            ValueError: `first` does not end in the frame this one starts from.
        """
        if first.target != self.source:
            raise ValueError(
                f"an affine from {self.source} must follow one that ends there, "
                f"got one from {first.source} to {first.target}; invert one of the two?"
            )
        return Affine(matrix=self.matrix @ first.matrix, source=first.source, target=self.target)


def coronal(y_mm: float, left_mm: float, top_mm: float) -> Affine:
    """SECTION_UM to BRAIN_MM for an unrotated coronal section: columns run right, rows run down.

    Args:
        y_mm: where the plane stands (BRAIN_MM).
        left_mm: x of the section's left edge.
        top_mm: z of the section's upper edge.
    """
    mm = 1e-3
    matrix = np.array([[0, mm, 0, left_mm], [0, 0, mm, y_mm], [-mm, 0, 0, top_mm], [0, 0, 0, 1]], float)
    return Affine(matrix=matrix, source=Frame.SECTION_UM, target=Frame.BRAIN_MM)
