"""How patches are placed, as a frozen value; without heavy imports, since recipes hold it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gennari.records import Quality


class PatchSettings(BaseModel):
    """How patches are placed.

    Attributes:
        count: patches of one brain, over all splits.
        mid_tolerance: centres have |depth - 0.5| of at most this.
        min_plane_angle_deg: least angle between mid surface normal and section normal (45: |n·across| <= cos 45°).
        min_quality: sections rated worse give no patches.
        min_tissue: least share of a patch's window that is cortex or white matter; the rest is glass, or lies beside
            the image.
        min_distance_mm: least distance between two centres (straight, in BRAIN_MM); 0 asks for none.
        uniform_over: "surface": each mm² of mid surface is as likely as another. "pixels": each pixel of mid cortex,
            so that thick cortex gets more patches.
        orientation: "upright" (pia above), "none" (as the section lies) or "random".
        upright_window_um: side of the square over which the depth gradient is averaged.
        ribbon_spacing_um: of the ribbons the centres are taken from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=6000, ge=1)
    mid_tolerance: float = Field(default=0.05, gt=0, le=0.5)
    min_plane_angle_deg: float = Field(default=45.0, ge=0, lt=90)
    min_quality: Quality = "fair"
    min_tissue: float = Field(default=0.5, ge=0, le=1)
    min_distance_mm: float = Field(default=0.0, ge=0)
    uniform_over: Literal["surface", "pixels"] = "surface"
    orientation: Literal["upright", "none", "random"] = "upright"
    upright_window_um: float = Field(default=1600.0, gt=0)
    ribbon_spacing_um: float = Field(default=64.0, gt=0)
