"""Where an imported section lies in its brain: by its name, its header, an affine beside it, or what the user says."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gennari.errors import InputError
from gennari.frames import Affine, Frame, coronal
from gennari.records import Quality, Section
from gennari.sources.bigbrain import (
    PM_LEFT_MM,
    PM_SHAPE_PX,
    PM_SPACING_UM,
    PM_TOP_MM,
    check_spacing_um,
    pm_to_brain,
    read_matrix,
    section_of_affine,
    section_y_mm,
)
from gennari.sources.manifests import MAX_SIDE_MM
from gennari.sources.minc import minc_section
from gennari.sources.section_files import SectionFile
from gennari.sources.sections import MAX_PAD_PX, open_pyramid

AGREE = 1e-3
"""Two statements of one pixel size may differ by this part."""
MIN_PIXEL_MM = 1e-6
"""Smaller pixels than a nanometre are none."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What the user says of where sections lie; whatever is None is found by name, header or neighbouring file.

    Attributes:
        spacing_um: pixel size of the finest level.
        affine: a JSON file with a 4 x 4 matrix from pixels to BRAIN_MM; `{id:04d}` in it stands for the number.
        y0_mm, y_step_mm: the plane of section `id` is y = y0 + y_step id.
        left_mm, top_mm: x of the left and z of the upper edge of the images, coronal and unrotated.
    """

    spacing_um: float | None = None
    affine: str | None = None
    y0_mm: float | None = None
    y_step_mm: float | None = None
    left_mm: float | None = None
    top_mm: float | None = None

    def __post_init__(self) -> None:
        if self.spacing_um is not None and not 0 < self.spacing_um < 1e4:
            raise InputError(f"a pixel size lies between 0 and 10000 µm, got {self.spacing_um:g}; correct --spacing-um")
        if self.affine is not None and any(value is not None for value in self._frame):
            raise InputError("the place of a section is said once, got --affine and numbers; leave one of the two out")
        if 0 < sum(value is not None for value in self._frame) < 4:
            raise InputError(
                "the place of coronal sections takes all of --y0-mm, --y-step-mm, --left-mm and --top-mm, got "
                f"{sum(value is not None for value in self._frame)} of them; add the others, or give --affine"
            )

    @property
    def _frame(self) -> tuple[float | None, ...]:
        return self.y0_mm, self.y_step_mm, self.left_mm, self.top_mm

    def by_frame(self, number: int) -> Affine | None:
        """The affine of a section by the four numbers, None where they are not given."""
        y0, step, left, top = self._frame
        if y0 is None or step is None or left is None or top is None:
            return None
        return coronal(y0 + step * number, left, top)


def place_section(file: SectionFile, brain: str, placement: Placement, quality: Quality = "good") -> Section:
    """The section that an image shows; its head is read, no pixel.

    What the user says comes first; then an affine beside the image (`<name>_affine.json`), then BigBrain's rule for
    images named as its ~20 µm release. A section of BigBrain lies in the plane of its number, whatever an affine's y.

    Raises:
        InputError: no image, no pixel size or several that differ, no place, or a size that cannot be true.
    """
    pyramid = open_pyramid(file.location)
    path = Path(file.location)
    to_brain, affine_um = placement.by_frame(file.id), None
    beside = _affine_file(file, placement)
    named = path.name in (f"pm{file.id:04d}o.png", f"pm{file.id:04d}o.mnc")
    released = named and to_brain is None and beside is None
    shape = pyramid.shape_px
    if beside is not None:
        aligned = re.search(rf"B20_{file.id:04d}\b", file.location) is not None
        to_brain, affine_um = read_affine(beside, file.id if aligned else None)
    if released:
        to_brain, affine_um, shape = _released(file, shape, placement.spacing_um or pyramid.spacing_um)
    if to_brain is None:
        raise InputError(
            f"the place of {path.name} in the brain must be known, but its name is none of BigBrain's release and "
            f"there is no {path.name.split('.')[0]}_affine.json; give --affine FILE, or --y0-mm, --y-step-mm, "
            "--left-mm and --top-mm"
        )
    spacing_um = _agreed_um(path.name, pyramid.spacing_um, affine_um, placement.spacing_um)
    section = Section(
        brain=brain, id=file.id, spacing_um=spacing_um, shape_px=shape, to_brain=to_brain, quality=quality
    )
    if max(section.size_um) > 1e3 * MAX_SIDE_MM:
        raise InputError(
            f"a section is at most {MAX_SIDE_MM:g} mm wide, but {path.name} ({shape[0]} x {shape[1]} px of "
            f"{spacing_um:g} µm) would have {max(section.size_um) / 1e3:.0f}; correct the pixel size"
        )
    return section


def read_affine(path: Path, listed: int | None = None) -> tuple[Affine, float]:
    """The affine in a JSON file (4 x 4, pixels to BRAIN_MM), and the pixel size in µm that it says.

    Its columns are the image's columns, rows and the direction through it, in this order or, as volumes have them, with
    the direction through it second: that is the one that moves y. Pixels are counted from the outer corner of the
    first.

    Args:
        path: such as `B20_NNNN_affine.json`.
        listed: the number of a section of BigBrain: y is that of its plane, and the file must say so too.

    Raises:
        InputError: no such file, no such matrix, no coronal section, pixels that are not square, or another section.
    """
    matrix = read_matrix(path)
    across = _across(matrix, path)
    col, row = (axis for axis in range(3) if axis != across)
    sizes_mm = np.linalg.norm(matrix[:3, [row, col]], axis=0)
    if not sizes_mm.min() > MIN_PIXEL_MM or sizes_mm.max() / sizes_mm.min() - 1 > AGREE:
        raise InputError(
            f"{path} must give square pixels, but they have {sizes_mm[0]:g} x {sizes_mm[1]:g} mm; correct it"
        )
    leaning = float(matrix[:3, row] @ matrix[:3, col]) / float(sizes_mm.prod())
    if abs(leaning) > AGREE:
        raise InputError(
            f"{path} must give pixels whose rows and columns are perpendicular, but the cosine of their angle is "
            f"{leaning:.3f}; correct it"
        )
    out = np.eye(4)
    out[:3, :2] = 1e-3 * matrix[:3, [row, col]] / sizes_mm
    normal = np.cross(out[:3, 0], out[:3, 1])
    out[:3, 2] = 1e-3 * normal / np.linalg.norm(normal) * (1 if normal[1] >= 0 else -1)
    out[:3, 3] = matrix[:3, 3]
    if listed is not None:
        if section_of_affine(path) != listed:
            raise InputError(
                f"{path} must give the plane of section {listed}, y = {section_y_mm(listed):.2f} mm, but it gives "
                f"y = {matrix[1, 3]:.2f}; take the affine that came with the image"
            )
        out[1, 3] = section_y_mm(listed)
    return Affine(matrix=out, source=Frame.SECTION_UM, target=Frame.BRAIN_MM), float(1e3 * sizes_mm.mean())


def _across(matrix: Float[np.ndarray, "4 4"], path: Path) -> int:
    """Which column of an affine runs through the section: it alone moves y (or none does: the last)."""
    moving = np.flatnonzero(abs(matrix[1, :3]) > AGREE * np.linalg.norm(matrix[:3, :3], axis=0))
    if len(moving) > 1 or (len(moving) == 1 and moving[0] == 0):
        raise InputError(
            f"{path} must be the affine of a coronal section, whose rows and columns do not move y, but columns "
            f"{', '.join(str(axis) for axis in moving)} do; resample the section, or correct it"
        )
    return int(moving[0]) if len(moving) else 2


def _affine_file(file: SectionFile, placement: Placement) -> Path | None:
    if placement.affine is not None:
        return Path(placement.affine.replace("{id:04d}", f"{file.id:04d}").replace("{id}", str(file.id)))
    if "://" in file.location:
        return None
    path = Path(file.location)
    beside = path.with_name(f"{path.name.split('.')[0]}_affine.json")
    return beside if beside.is_file() and placement.by_frame(file.id) is None else None


def _released(
    file: SectionFile, shape: tuple[int, int], said_um: float | None
) -> tuple[Affine, float, tuple[int, int]]:
    """Affine, pixel size and shape of an image of the ~20 µm release."""
    pads = [got - known for got, known in zip(shape, PM_SHAPE_PX, strict=True)]
    if not all(0 <= pad <= MAX_PAD_PX for pad in pads):
        raise InputError(
            f"images of BigBrain's ~20 µm release have {PM_SHAPE_PX[0]} rows and {PM_SHAPE_PX[1]} columns (one more is "
            f"passed over), but {Path(file.location).name} has {shape[0]} and {shape[1]}; take the image of full "
            "resolution, or give --spacing-um and a place of its own"
        )
    if said_um is not None:
        check_spacing_um(said_um, Path(file.location).name)
    to_brain = pm_to_brain(file.id)
    if file.location.endswith(".mnc"):
        header = minc_section(Path(file.location))
        off_mm = max(abs(header.left_mm - PM_LEFT_MM), abs(header.top_mm - PM_TOP_MM))
        if off_mm > 1e-3 * PM_SPACING_UM:
            warnings.warn(
                f"the header of {file.location} puts it {off_mm:.2f} mm off the release's rule; the header is followed",
                UserWarning,
                stacklevel=2,
            )
            to_brain = coronal(section_y_mm(file.id), header.left_mm, header.top_mm)
    return to_brain, PM_SPACING_UM, PM_SHAPE_PX


def _agreed_um(name: str, header_um: float | None, affine_um: float | None, given_um: float | None) -> float:
    said = {"its header": header_um, "its affine": affine_um, "--spacing-um": given_um}
    known = {source: value for source, value in said.items() if value is not None}
    if not known:
        raise InputError(f"the pixel size of {name} must be known, but the file says none; give --spacing-um")
    first = next(iter(known.values()))
    if any(abs(value / first - 1) > AGREE for value in known.values()):
        listed = ", ".join(f"{value:g} µm by {source}" for source, value in known.items())
        raise InputError(f"the pixel size of {name} must be one, but it is {listed}; correct the wrong one")
    return first
