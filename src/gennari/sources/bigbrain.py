"""What is known of BigBrain's files: section numbers, the plane each stands for, ranges, licence."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from pydantic import RootModel

from gennari.errors import InputError
from gennari.frames import Affine, coronal
from gennari.sources.documents import Number, read_json

LICENCE = (
    "BigBrain data are licensed CC BY-NC-SA 4.0 (https://creativecommons.org/licenses/by-nc-sa/4.0/), and so is what "
    "is derived from them. Cite Amunts et al. 2013 (doi:10.1126/science.1235381); for the layers and surfaces Wagstyl "
    "et al. 2020 (doi:10.1371/journal.pbio.3000678); for BigBrainWarp Paquola et al. 2021 (doi:10.7554/eLife.70119)."
)
IN_PLANE_SPACING_UM = 21.1667
"""Pixel size of the ~20 µm release within a section; between sections it is 20 µm."""
PM_SPACING_UM = 21.1666667
"""The same to more digits: over a whole section the rounded one is 0.2 µm off."""
PM_SHAPE_PX = (5711, 6572)
PM_LEFT_MM, PM_TOP_MM = -70.677184, -58.788284 + 1e-3 * PM_SPACING_UM * PM_SHAPE_PX[0]
"""Left and upper edge of each image of the ~20 µm release."""
SECTION_COUNT = 7404
MAX_OFF_UM = 6.0
"""A plane farther from its section's centre came by another rule than ours."""
_Row = tuple[Number, Number, Number, Number]
Y_RANGE_MM = (-71.0, 79.0)
"""y of the cortical surfaces; the inverted 2016 release leaves it at both ends."""
# fmt: off
SECTIONS_1UM: tuple[int, ...] = (
    47, 102, 150, 199, 251, 300, 350, 400, 454, 500, 549, 600, 648, 700, 750, 798, 847, 900, 951, 1001, 1049, 1100,
    1151, 1205, 1255, 1307, 1345, 1402, 1454, 1499, 1561, 1600, 1649, 1697, 1749, 1801, 1842, 1901, 1952, 1998, 2056,
    2105, 2150, 2206, 2251, 2313, 2393, 2447, 2494, 2560, 2591, 2653, 2757, 2803, 2845, 2896, 2956, 2999, 3045, 3096,
    3146, 3196, 3254, 3305, 3348, 3407, 3458, 3500, 3556, 3601, 3645, 3698, 3750, 3797, 3856, 3905, 3954, 4003, 4050,
    4100, 4156, 4248, 4311, 4342, 4401, 4449, 4497, 4549, 4599, 4651, 4708, 4751, 4800, 4844, 4900, 4950, 5001, 5048,
    5102, 5149, 5201, 5252, 5301, 5356, 5401, 5447, 5511, 5550, 5602, 5661, 5702, 5745, 5798, 5851, 5890, 5943, 6000,
    6049, 6101, 6152, 6199, 6249, 6297, 6350, 6400, 6450, 6495, 6549, 6599, 6647, 6700, 6748, 6800, 6853, 6899, 6951,
    7001, 7050, 7103, 7150, 7200, 7250, 7300, 7350, 7400,
)
# fmt: on
"""Numbers of the 145 sections that are published at 1 µm; the steps are irregular."""


class _Matrix(RootModel[tuple[_Row, _Row, _Row, _Row]]):
    pass


def section_y_mm(section: int) -> float:
    """The y of a section's plane in mm (docs/coordinates.md: its centre, not the slab's edge)."""
    return -70.02 + 0.02 * section


def pm_to_brain(section: int) -> Affine:
    """SECTION_UM to BRAIN_MM for an image of the ~20 µm release (`pmNNNNo`), from the outer corner of its first pixel.

    Its pixel (row r, col c) has its centre at x = -70.677184 + 0.0211666667 (c + 0.5) and
    z = -58.788284 + 0.0211666667 (5711 - r - 0.5).
    """
    return coronal(section_y_mm(section), PM_LEFT_MM, PM_TOP_MM)


def section_of_y(y_mm: float) -> tuple[int, float]:
    """The section nearest to a y, and how far (mm, y minus the section's plane) that y is from it.

    Keep the number and forget the y: sections are keyed by number. A remainder above 0.006 mm says that the y came by
    another rule than ours (a slab's edge is half a section, 0.01 mm, off).
    """
    section = round((y_mm + 70.02) / 0.02)
    return section, y_mm - section_y_mm(section)


def listed_section(y_mm: float, listed: Sequence[int] = SECTIONS_1UM) -> int:
    """The listed section nearest to a y; warns where that y is more than 6 µm from its plane.

    Args:
        y_mm: of a plane, as an affine or a header gives it.
        listed: numbers of the sections that exist.
    """
    number = min(listed, key=lambda known: abs(y_mm - section_y_mm(known)))
    off_um = 1000 * (y_mm - section_y_mm(number))
    if abs(off_um) > MAX_OFF_UM:
        warnings.warn(
            f"y = {y_mm:.4f} mm is taken for section {number}, whose plane lies {abs(off_um):.1f} µm away; a section's "
            "centre is y = -70.02 + 0.02 id mm (10 µm off: the slab's edge was given); go on by number",
            UserWarning,
            stacklevel=2,
        )
    return number


def read_matrix(path: Path) -> Float[np.ndarray, "4 4"]:
    """The 4 x 4 matrix of an affine in a JSON file; raises InputError where it is none or its last row not 0 0 0 1."""
    matrix = np.array(read_json(path, _Matrix).root, float)
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise InputError(f"{path} must hold an affine, whose last row is 0 0 0 1, got {matrix[3].tolist()}; correct it")
    return matrix


def section_of_affine(path: Path) -> int:
    """The section whose plane a `B20_NNNN_affine.json` (4 x 4 to BigBrain mm, y at [1][3]) of the 1 µm release gives.

    Raises:
        InputError: no affine, or another section than the file's name says.
    """
    number = listed_section(float(read_matrix(path)[1, 3]))
    named = re.match(r"B20_(\d{4})", path.name)
    if named and int(named[1]) != number:
        raise InputError(
            f"{path} must give the plane of the section in its name, y = {section_y_mm(int(named[1])):.2f} mm, but it "
            f"gives that of section {number}; take the affine that came with the image"
        )
    return number


def check_spacing_um(spacing_um: float, where: str) -> None:
    """Refuse the distance between sections where the pixel size within a section is due (the ~20 µm release).

    Raises:
        InputError: the spacing is not IN_PLANE_SPACING_UM.
    """
    if abs(spacing_um - IN_PLANE_SPACING_UM) > 0.01:
        raise InputError(
            f"pixels of BigBrain's ~20 µm sections measure {IN_PLANE_SPACING_UM} µm, but {where} says {spacing_um:g}; "
            "20 µm is the distance between sections: write the pixel size"
        )


def check_orientation(vertices_mm: Float[np.ndarray, "v 3"], where: str) -> None:
    """Refuse cortical surfaces that do not lie in BigBrain's histological space as it should be.

    Args:
        vertices_mm: vertices of a pial or white surface.
        where: what to call it in the message.

    Raises:
        InputError: y leaves Y_RANGE_MM, as in the 2016 release, whose x and y are negated.
    """
    low, high = float(vertices_mm[:, 1].min()), float(vertices_mm[:, 1].max())
    if low < Y_RANGE_MM[0] or high > Y_RANGE_MM[1]:
        raise InputError(
            f"BigBrain surfaces must keep y within {Y_RANGE_MM[0]:g}..{Y_RANGE_MM[1]:g} mm (posterior to anterior), "
            f"but {where} spans {low:.1f}..{high:.1f}; the 2016 release is inverted: negate x and y of every vertex "
            "(gennari import surfaces --turn)"
        )
