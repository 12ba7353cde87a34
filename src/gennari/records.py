"""The nouns: frozen records that travel between the rooms. Arrays are read-only by convention."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int8, Int32, UInt8

from gennari.frames import Affine, Frame

Side = Literal["L", "R"]
SIDES: tuple[Side, Side] = ("L", "R")
IGNORE = 255
"""Label of a pixel that nobody annotated: it carries no loss and is not evaluated."""
BACKGROUND_GREY = 255.0
"""Grey value of empty glass, used to pad windows that leave their section."""
Quality = Literal["excellent", "good", "fair", "poor"]
QUALITIES: tuple[Quality, ...] = ("excellent", "good", "fair", "poor")
"""Ratings of sections, the best first."""


@dataclass(frozen=True, kw_only=True)
class TriangleMesh:
    """A triangle mesh in BRAIN_MM (or INFLATED_MM where a docstring says so)."""

    vertices_mm: Float[np.ndarray, "v 3"]
    faces: Int32[np.ndarray, "f 3"]

    def __post_init__(self) -> None:
        n = len(self.vertices_mm)
        if self.faces.size and not (self.faces.min() >= 0 and self.faces.max() < n):
            raise ValueError(f"faces must index vertices (0 <= i < {n}), got {self.faces.min()}..{self.faces.max()}")
        if not np.isfinite(self.vertices_mm).all():
            raise ValueError("vertices must be finite; at least one is NaN or infinite")


@dataclass(frozen=True, kw_only=True)
class Hemisphere:
    """One cortical hemisphere: pial, white and inflated surfaces over the same faces and vertices.

    Attributes:
        inflated: in INFLATED_MM before centring; `mirrored_inflated_mm` is what the networks see.
        medial_wall: (v,) True where there is no cortex.
    """

    side: Side
    pial: TriangleMesh
    white: TriangleMesh
    inflated: TriangleMesh
    medial_wall: Bool[np.ndarray, "v"]

    def __post_init__(self) -> None:
        for name in ("white", "inflated"):
            other: TriangleMesh = getattr(self, name)
            if other.faces.shape != self.pial.faces.shape or not np.array_equal(other.faces, self.pial.faces):
                raise ValueError(
                    f"pial and {name} of hemisphere {self.side} must share their faces, "
                    f"got {self.pial.faces.shape} and {other.faces.shape}; are they from the same reconstruction?"
                )
        if len(self.medial_wall) != len(self.pial.vertices_mm):
            raise ValueError(
                f"the medial wall must say one value a vertex ({len(self.pial.vertices_mm)}), "
                f"got {self.medial_wall.size}"
            )

    @cached_property
    def mid(self) -> TriangleMesh:
        """The surface half way between pial and white."""
        return TriangleMesh(vertices_mm=0.5 * (self.pial.vertices_mm + self.white.vertices_mm), faces=self.pial.faces)

    @cached_property
    def mirrored_inflated_mm(self) -> Float[np.ndarray, "v 3"]:
        """Inflated coordinates, centred on their own centroid, x of the right hemisphere negated.

        The only place where left and right are made alike (Spitzer et al. 2018, section 3.1).
        """
        centred = self.inflated.vertices_mm - self.inflated.vertices_mm.mean(axis=0)
        return centred * np.array([-1.0 if self.side == "R" else 1.0, 1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class Section:
    """One histological section: a plane in a brain, and the pixel grid on it."""

    brain: str
    id: int
    spacing_um: float
    shape_px: tuple[int, int]
    to_brain: Affine
    quality: Quality = "good"

    def __post_init__(self) -> None:
        if self.to_brain.source != Frame.SECTION_UM or self.to_brain.target != Frame.BRAIN_MM:
            raise ValueError(
                f"a section's affine must map {Frame.SECTION_UM} to {Frame.BRAIN_MM}, "
                f"got {self.to_brain.source} to {self.to_brain.target}"
            )
        if not self.spacing_um > 0 or min(self.shape_px) <= 0:
            raise ValueError(
                f"section {self.id} needs a positive spacing and shape, got {self.spacing_um}, {self.shape_px}"
            )

    @property
    def size_um(self) -> tuple[float, float]:
        """(rows, cols) the section covers, in µm."""
        return self.shape_px[0] * self.spacing_um, self.shape_px[1] * self.spacing_um

    def grid_shape(self, spacing_um: float) -> tuple[int, int]:
        """Shape of a grid of another spacing that covers the section (the last pixel may stick out)."""
        rows, cols = (int(np.ceil(size / spacing_um - 1e-6)) for size in self.size_um)
        return rows, cols

    def brain_mm(self, centre_um: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
        """Points (row, col) in µm on the plane to BRAIN_MM."""
        return self.to_brain.apply(np.column_stack([centre_um, np.zeros(len(centre_um))]))

    def section_um(self, points_mm: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Points in BRAIN_MM to (row, col, across) in µm."""
        return self.to_brain.inverse().apply(points_mm)

    @property
    def normal(self) -> Float[np.ndarray, "3"]:
        """Unit normal of the plane in BRAIN_MM."""
        across = self.to_brain.matrix[:3, 2]
        return across / np.linalg.norm(across)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rectangle on a section: what a reader is asked for.

    Attributes:
        centre_um: (row, col) of the rectangle's middle.
        size_px: (rows, cols) at `spacing_um`.
        rotation_deg: the window's row axis points along (cos, sin) of this angle in (row, col): 0 is upright as the
            section lies; a positive angle turns the row axis from +row towards +col.
    """

    brain: str
    section: int
    centre_um: tuple[float, float]
    size_px: tuple[int, int]
    spacing_um: float
    rotation_deg: float = 0.0


@runtime_checkable
class SectionReader(Protocol):
    """Gives the pixels of one section; picklable, opens its file lazily."""

    def read(self, window: Window) -> Float32[np.ndarray, "h w"]:
        """Grey values 0..255: rotated, area-averaged to the window's spacing, padded with background, never moved."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ribbon:
    """The cortical ribbon of one section, rasterised: for each pixel depth and place on the surface.

    Attributes:
        depth: 0 at the pial, 1 at the white surface; NaN outside cortex.
        face: face of the hemisphere's mesh; -1 outside cortex.
        weights: barycentric weights in that face; 0 outside cortex.
        side: 0 left, 1 right (the index into SIDES); -1 outside cortex.
    """

    section: int
    spacing_um: float
    depth: Float32[np.ndarray, "h w"]
    face: Int32[np.ndarray, "h w"]
    weights: Float32[np.ndarray, "h w 3"]
    side: Int8[np.ndarray, "h w"]

    @cached_property
    def cortex(self) -> Bool[np.ndarray, "h w"]:
        """True on cortex."""
        return self.face >= 0


@dataclass(frozen=True, kw_only=True)
class PatchTable:
    """Where patches are taken from, and what is known of those places. One row a patch.

    Attributes:
        curvature_per_mm: mean curvature of the mid surface, positive on gyral crowns.
        other_sheet_mm: from the place on the mid surface to the nearest other sheet of cortex (surface/sheets.py).
        tissue_share: share of the patch's window that is cortex or white matter, by the surfaces.
    """

    brain: np.ndarray
    section: Int32[np.ndarray, "n"]
    side: np.ndarray
    centre_um: Float[np.ndarray, "n 2"]
    face: Int32[np.ndarray, "n"]
    weights: Float[np.ndarray, "n 3"]
    vertex: Int32[np.ndarray, "n"]
    brain_mm: Float[np.ndarray, "n 3"]
    inflated_mm: Float[np.ndarray, "n 3"]
    plane_angle_deg: Float[np.ndarray, "n"]
    rotation_deg: Float[np.ndarray, "n"]
    curvature_per_mm: Float[np.ndarray, "n"]
    other_sheet_mm: Float[np.ndarray, "n"]
    tissue_share: Float[np.ndarray, "n"]
    split: np.ndarray

    def __len__(self) -> int:
        return len(self.section)

    def take(self, rows: Int[np.ndarray, "m"] | Bool[np.ndarray, "n"]) -> "PatchTable":
        """The table of these rows."""
        return PatchTable(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """Pairs of rows of a PatchTable and the geodesic distance between them."""

    first: Int32[np.ndarray, "p"]
    second: Int32[np.ndarray, "p"]
    distance_mm: Float[np.ndarray, "p"]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: Int[np.ndarray, "m"] | Bool[np.ndarray, "p"]) -> "PairTable":
        """The table of these pairs."""
        return PairTable(first=self.first[rows], second=self.second[rows], distance_mm=self.distance_mm[rows])

    def check(self, n_patches: int) -> None:
        """Raise ValueError unless both columns index a table of `n_patches` rows."""
        for name in ("first", "second"):
            column = getattr(self, name)
            bad = np.flatnonzero((column < 0) | (column >= n_patches))
            if bad.size:
                raise ValueError(
                    f"PairTable.{name} must index the PatchTable (0 <= i < {n_patches}); "
                    f"row {bad[0]} holds {column[bad[0]]}; were the tables written by different runs?"
                )


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """The classes of a data set, in the order of their indices.

    Attributes:
        colours: '#rrggbb' for each.
        first_area: classes before it (background, white matter, other cortex) are tissue, not areas.
    """

    names: tuple[str, ...]
    colours: tuple[str, ...]
    first_area: int

    def __post_init__(self) -> None:
        if len(self.names) != len(self.colours) or len(set(self.names)) != len(self.names):
            raise ValueError(f"a label set needs unique names and one colour each, got {self.names}, {self.colours}")

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the areas."""
        return self.names[self.first_area :]

    def index(self, name: str) -> int:
        """Index of a class by name (ValueError if there is none)."""
        return self.names.index(name)


@dataclass(frozen=True, kw_only=True)
class AreaMap:
    """Class indices of one section on a grid; IGNORE where nothing is said."""

    labels: UInt8[np.ndarray, "h w"]
    spacing_um: float
    section: int
    label_set: LabelSet
