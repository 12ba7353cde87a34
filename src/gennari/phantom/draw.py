"""Pixels of the phantom: any window of any section, at any spacing and rotation, drawn on demand.

Tissue is cut on tiles that are anchored to the section, cells are a function of their tile: windows that overlap show
the same cells, and a coarse window is what area averages of a fine one would be (phantom/paint.py says how).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8
from scipy import ndimage

from gennari.phantom.cell_tables import CellTables, cell_tables
from gennari.phantom.cells import scatter
from gennari.phantom.coarse import ADDED_UM, sum_cells
from gennari.phantom.damage import Damage, damage
from gennari.phantom.expose import Lattice, neuropil_lattice, photograph, smooth_edge, tissue_lattice, tissue_light
from gennari.phantom.individual import Individual
from gennari.phantom.layers import COLUMN_LABEL
from gennari.phantom.nuisance import Condition, light_at, misregistered, section_condition
from gennari.phantom.paint import FINE_UM, Grid, add_cells, paint_cells
from gennari.phantom.settings import PhantomSettings
from gennari.phantom.strata import between_cells
from gennari.phantom.tiles import TILE_UM, NearPlane, Sheet, Tiles, cut_tiles, cut_tissue, near_plane, sheet_of
from gennari.phantom.vessels import near_tissue, paint_vessels, scatter_vessels
from gennari.records import Ribbon, Section, Window

EDGE_UM = 8.0
"""Spacing at which the tissue's contour is cut for fine windows."""
LIGHT_STEP_UM = 2000.0
COARSE_UM = 128.0
"""From this spacing on tiles are half a pixel wide: cells are others than in finer windows, their law is the same."""
BAND_PX = 128
FINE_MARGIN, EDGE_MARGIN = 6, 8
"""Tiles: dendrites reach 150 µm, and the outermost tile's slope is one-sided. Steps of the edge: its smoothing."""
NONE = np.zeros((1, 1), np.float32)


def as_it_lies(individual: Individual, section: Section, settings: PhantomSettings) -> Individual:
    """The individual with its surfaces where this section's tissue is: truth follows it, the data set does not."""
    condition = section_condition(individual, section, settings.nuisance)
    return replace(individual, hemispheres=misregistered(individual.hemispheres, section, condition))


@dataclass(frozen=True, kw_only=True)
class PhantomSectionReader:
    """A `SectionReader` that draws; picklable.

    Attributes:
        individual: whose section it is.
        sheet: of the same individual (`sheet_of`), shared by all its sections.
    """

    individual: Individual
    sheet: Sheet
    section: Section
    settings: PhantomSettings

    def read(self, window: Window) -> Float32[np.ndarray, "h w"]:
        """Grey values 0..255 of a window; glass where there is no tissue, and outside the section.

        Raises:
            ValueError: the window is of another section.
        """
        if (window.brain, window.section) != (self.section.brain, self.section.id):
            raise ValueError(
                f"the reader of section {self.section.id} of {self.section.brain} got a window of section "
                f"{window.section} of {window.brain}; make one reader a section"
            )
        blur_px = self.condition.blur_um / window.spacing_um
        margin = int(np.ceil(4 * blur_px)) if blur_px > 0.25 else 0
        wider = replace(window, size_px=(window.size_px[0] + 2 * margin, window.size_px[1] + 2 * margin))
        grid = grid_of(wider)
        harmed = damage(self.condition, wider) or Damage(holes=NONE, double=NONE, dust=NONE)
        through, where = self._light(grid, harmed)
        if margin:
            through = np.asarray(ndimage.gaussian_filter(through, blur_px, mode="nearest"))
        image = photograph(self.seed, grid, through, where, harmed.dust, self.condition.camera_sd)
        inner = image[margin : margin + window.size_px[0], margin : margin + window.size_px[1]]
        return np.ascontiguousarray(inner)

    @cached_property
    def condition(self) -> Condition:
        """What happened to the section."""
        return section_condition(self.individual, self.section, self.settings.nuisance)

    @cached_property
    def seed(self) -> int:
        """Of all chance in the section."""
        rng = np.random.default_rng([self.individual.texture_seed, self.section.id, 2])
        return int(rng.integers(2**62))

    @cached_property
    def tables(self) -> CellTables:
        """Numbers of cells at the section's thickness, and what they take at its stain."""
        return cell_tables(self.individual.tables, self.condition.thickness_um, self.condition.gain)

    @cached_property
    def near(self) -> NearPlane:
        """The surfaces as they lie in this section, as far as its plane meets them."""
        lying = misregistered(self.individual.hemispheres, self.section, self.condition)
        return near_plane(lying, self.section)

    def tiles(self, grid: Grid, tile_um: float) -> Tiles:
        """The tiles under a window, with those whose cells reach into it."""
        corner, shape = _covering(grid, tile_um, FINE_MARGIN if grid.spacing_um < FINE_UM else 3)
        return cut_tiles(self.near, self.sheet, self.section, corner, shape, tile_um)

    def tissue(self, grid: Grid, spacing_um: float) -> Lattice:
        """Where tissue lies under a window, at another spacing."""
        corner, shape = _covering(grid, spacing_um, EDGE_MARGIN)
        tissue = cut_tissue(self.near, self.section, corner, shape, spacing_um)
        return smooth_edge(tissue_lattice(tissue, corner, spacing_um))

    def __getstate__(self) -> dict[str, object]:
        # what was worked out once stays behind when a reader is sent to another process
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def _light(self, grid: Grid, harmed: Damage) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
        fine = grid.spacing_um < FINE_UM
        tile_um = TILE_UM if grid.spacing_um < COARSE_UM else 0.5 * grid.spacing_um
        tiles = self.tiles(grid, tile_um)
        if not tiles.tissue.any():
            return np.ones((grid.height, grid.width), np.float32), np.zeros((grid.height, grid.width), bool)
        columnar = float(self.settings.columns)
        low, high = extent_um(grid)
        lumen, wall = NONE, NONE
        if fine:
            cells = paint_cells(scatter(self.seed, tiles, self.sheet, self.tables, columnar), grid)
            lumen, wall = self._vessels(tiles, grid, low, high)
            edge = self.tissue(grid, EDGE_UM)
            base = between_cells(tiles, self.sheet, self.tables)
        else:
            given = self.seed, tiles, self.sheet, self.tables, columnar, grid
            # sums of a quarter of a tile have no places inside it: they serve where no pixel cuts one
            added = grid.spacing_um >= ADDED_UM and _on_lattice(grid, 0.5 * tile_um)
            cells, base = sum_cells(*given, whole=_on_lattice(grid, tile_um)) if added else add_cells(*given)
            if grid.spacing_um < COARSE_UM:
                lumen, wall = self._vessels(tiles, grid, low, high)
            edge = tissue_lattice(tiles.tissue, (tiles.first_row, tiles.first_col), tile_um)
        neuropil = neuropil_lattice(tiles, base, aligned=grid.spacing_um == tile_um and _on_lattice(grid, tile_um))
        holes, double = harmed.holes, harmed.double
        light = self._light_lattice(low, high)
        gain = self.condition.gain
        return tissue_light(self.seed, grid, edge, neuropil, light, gain, cells, lumen, wall, double, holes)

    def _vessels(
        self, tiles: Tiles, grid: Grid, low: Float[np.ndarray, "2"], high: Float[np.ndarray, "2"]
    ) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
        vessels = scatter_vessels(self.seed, float(self.settings.vessels_per_mm2), low, high)
        return paint_vessels(near_tissue(vessels, tiles, grid.spacing_um), grid)

    def _light_lattice(self, low: Float[np.ndarray, "2"], high: Float[np.ndarray, "2"]) -> Lattice:
        first = np.floor(low / LIGHT_STEP_UM)
        shape = np.ceil(high / LIGHT_STEP_UM).astype(int) - first.astype(int) + 1
        rows, cols = np.mgrid[: shape[0], : shape[1]] + first[:, None, None]
        values = light_at(self.condition, rows.ravel() * LIGHT_STEP_UM, cols.ravel() * LIGHT_STEP_UM)
        values = values.astype(np.float32).reshape(rows.shape)
        return Lattice(float(first[0]) * LIGHT_STEP_UM, float(first[1]) * LIGHT_STEP_UM, LIGHT_STEP_UM, values)


def draw_section(reader: PhantomSectionReader) -> UInt8[np.ndarray, "h w"]:
    """A whole section at its own spacing, band by band, so that memory stays small and is used again."""
    section = reader.section
    height, width = section.shape_px
    image = np.empty((height, width), np.uint8)
    for first in range(0, height, BAND_PX):
        rows = min(BAND_PX, height - first)
        centre_um = ((first + 0.5 * rows) * section.spacing_um, 0.5 * width * section.spacing_um)
        window = Window(
            brain=section.brain,
            section=section.id,
            centre_um=centre_um,
            size_px=(rows, width),
            spacing_um=section.spacing_um,
        )
        image[first : first + rows] = np.rint(reader.read(window))
    return image


def reader_of(individual: Individual, section: Section, settings: PhantomSettings) -> PhantomSectionReader:
    """A reader by itself; for many sections of one individual share `sheet_of`."""
    return PhantomSectionReader(individual=individual, sheet=sheet_of(individual), section=section, settings=settings)


def grid_of(window: Window) -> Grid:
    """A window's pixels as the kernels take them (docs/coordinates.md)."""
    angle = np.deg2rad(window.rotation_deg)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    down, right = (0.5 * size * window.spacing_um for size in window.size_px)
    return Grid(
        row0_um=window.centre_um[0] - cos * down + sin * right,
        col0_um=window.centre_um[1] - sin * down - cos * right,
        cos=cos,
        sin=sin,
        spacing_um=window.spacing_um,
        height=window.size_px[0],
        width=window.size_px[1],
    )


def _covering(grid: Grid, step_um: float, margin: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Corner and shape, in steps, of a block that covers a window with a margin of so many."""
    low, high = extent_um(grid)
    # a grid that fits must not gain a row by rounding
    first = np.floor(low / step_um + 1e-6).astype(int) - margin
    last = np.ceil(high / step_um - 1e-6).astype(int) + margin
    return (int(first[0]), int(first[1])), (int(last[0] - first[0]), int(last[1] - first[1]))


def _on_lattice(grid: Grid, step_um: float) -> bool:
    """Whether the edges of pixels lie on multiples of a step."""
    steps = np.array([grid.row0_um, grid.col0_um, grid.spacing_um]) / step_um
    upright = min(abs(grid.sin), abs(grid.cos)) < 1e-9
    return upright and bool((abs(steps - np.rint(steps)) < 1e-6).all())


def extent_um(grid: Grid) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """The smallest rectangle of the section that holds a window: its first and last corner (row, col), µm."""
    down, right = grid.height * grid.spacing_um, grid.width * grid.spacing_um
    corners = np.array(
        [
            (grid.row0_um + grid.cos * d - grid.sin * r, grid.col0_um + grid.sin * d + grid.cos * r)
            for d in (0.0, down)
            for r in (0.0, right)
        ]
    )
    return corners.min(axis=0), corners.max(axis=0)


def section_labels(individual: Individual, ribbon: Ribbon, white: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """True classes: background 0, white matter 1, and on cortex the class of the largest interpolated score."""
    labels = white.astype(np.uint8)
    for side, (hemisphere, tissue) in enumerate(zip(individual.hemispheres, individual.tissue, strict=True)):
        rows, cols = np.nonzero(ribbon.side == side)
        labels[rows, cols] = place_labels(
            hemisphere.pial.faces, tissue.scores, ribbon.face[rows, cols], ribbon.weights[rows, cols]
        )
    return labels


def place_labels(
    faces: Int[np.ndarray, "f 3"],
    scores: Float[np.ndarray, "v c"],
    face: Int[np.ndarray, "n"],
    weights: Float[np.ndarray, "n 3"],
) -> UInt8[np.ndarray, "n"]:
    """Class at places on the surface: scores are interpolated in the face, the largest wins."""
    best = scores.argmax(axis=1)
    corners = faces[face]
    columns = best[corners]
    winner = columns[:, 0].copy()
    mixed = np.flatnonzero((columns[:, 0] != columns[:, 1]) | (columns[:, 0] != columns[:, 2]))
    blended = np.einsum("nkc,nk->nc", scores[corners[mixed]], weights[mixed])
    # only cytoarchitectures that win at a corner: what wins nowhere around cannot be drawn inside
    candidates = np.take_along_axis(blended, columns[mixed], axis=1)
    winner[mixed] = columns[mixed, candidates.argmax(axis=1)]
    return COLUMN_LABEL[winner]
