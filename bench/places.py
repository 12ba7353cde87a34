"""Where to look: places of an area at a depth of the cortex, with the rotation that turns the pia up."""

from dataclasses import dataclass

import numpy as np

from gennari.phantom.draw import PhantomSectionReader, as_it_lies
from gennari.phantom.individual import Individual
from gennari.phantom.layers import COLUMNS
from gennari.phantom.settings import PhantomSettings
from gennari.phantom.tiles import Sheet
from gennari.records import Ribbon, Section, Window
from gennari.surface.ribbon import cut_ribbon

STEP_UM = 64.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place on a section.

    Attributes:
        reader: of the section.
        centre_um: (row, col).
        rotation_deg: of a window that stands upright.
        thickness_mm: length of the cut through the cortex there; long where it is cut obliquely.
    """

    reader: PhantomSectionReader
    centre_um: tuple[float, float]
    rotation_deg: float
    thickness_mm: float

    def window(self, size_px: tuple[int, int], spacing_um: float) -> Window:
        """An upright window around the place."""
        section = self.reader.section
        return Window(
            brain=section.brain,
            section=section.id,
            centre_um=self.centre_um,
            size_px=size_px,
            spacing_um=spacing_um,
            rotation_deg=self.rotation_deg,
        )


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A section with what lies where, at STEP_UM."""

    reader: PhantomSectionReader
    ribbon: Ribbon
    column: np.ndarray
    steep_per_mm: np.ndarray
    upright_deg: np.ndarray

    @classmethod
    def of(cls, individual: Individual, sheet: Sheet, section: Section, settings: PhantomSettings) -> "Cut":
        """Cut a section of an individual."""
        ribbon = cut_ribbon(as_it_lies(individual, section, settings).hemispheres, section, STEP_UM)
        offset = len(individual.hemispheres[0].pial.faces)
        column = sheet.best[sheet.faces[np.where(ribbon.side == 1, ribbon.face + offset, ribbon.face)]]
        # a vertex that all three corners share: places near a border belong to none
        one = np.where((ribbon.face >= 0) & (column == column[..., :1]).all(axis=-1), column[..., 0], -1)
        down, right = np.gradient(ribbon.depth)
        reader = PhantomSectionReader(individual=individual, sheet=sheet, section=section, settings=settings)
        return cls(
            reader=reader,
            ribbon=ribbon,
            column=one,
            steep_per_mm=np.hypot(down, right) * 1e3 / STEP_UM,
            upright_deg=np.rad2deg(np.arctan2(right, down)),
        )

    def places(self, area: str, depth: float, thickness_mm: tuple[float, float] = (2.0, 3.6)) -> list[Place]:
        """Places of an area near a depth, where the cut through the cortex is this long, in the order of the pixels."""
        near = np.abs(self.ribbon.depth - depth) < 0.03
        steep = (self.steep_per_mm > 1 / thickness_mm[1]) & (self.steep_per_mm < 1 / thickness_mm[0])
        found = np.argwhere(near & steep & (self.column == COLUMNS.index(area)))
        return [
            Place(
                reader=self.reader,
                centre_um=((row + 0.5) * STEP_UM, (col + 0.5) * STEP_UM),
                rotation_deg=float(self.upright_deg[row, col]),
                thickness_mm=float(1 / self.steep_per_mm[row, col]),
            )
            for row, col in found
        ]
