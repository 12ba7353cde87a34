"""What a phantom data set consists of; no heavy import, so that the command line can show it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]


class BrainPlan(BaseModel):
    """One individual: its part in the experiment and how many sections it gets.

    Sections are spread evenly over the posterior part of the brain; `first` shifts them by a fraction of a step, so
    that individuals are not cut at the same places.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    role: Literal["pretext", "labelled"]
    sections: int = Field(ge=1)
    first: Fraction = 0.5


class PhantomSettings(BaseModel):
    """Every number of the phantom that a user may turn.

    The defaults take the areas as published (`area_contrast` 1) with moderate variability: at 32 µm a pixel shows no
    cells, so layers have to carry what real sections show in cell size and shape as well. Recipe `measured` has the
    variability found in BigBrain's 18-depth staining profiles instead, where areas are hard to tell by layers alone;
    docs/results.md has the figures of both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 1776
    brains: tuple[BrainPlan, ...]
    spacing_um: float = Field(default=32.0, gt=0)
    subdivisions: int = Field(default=1, ge=0, le=2)
    """How often the bundled fsaverage5 is refined; a folder of surfaces is taken as it is."""
    posterior_fraction: Fraction = 0.41
    """Part of the brain's y extent that is cut on fsaverage5 (BigBrain: sections 0 to 3000)."""
    shape_sd_mm: float = Field(default=2.0, ge=0)
    scale_sd: float = Field(default=0.03, ge=0)
    border_sd_mm: float = Field(default=2.5, ge=0)
    area_contrast: Fraction = 1.0
    """Areas differ from their mean by this much of what the published tables say."""
    gradient: float = Field(default=0.69, ge=0)
    """Change of log cell density over the hemisphere along each of three trends (phantom/gradients.py); ln 2."""
    density_sd: float = Field(default=0.12, ge=0)
    """SD of a layer's log cell density along the cortex, at `long_mm` and again at `short_mm`."""
    boundary_sd: float = Field(default=0.06, ge=0)
    """Relative SD of a layer's thickness along the cortex."""
    long_mm: float = Field(default=3.5, gt=0)
    short_mm: float = Field(default=0.8, gt=0)
    stain_sd: float = Field(default=0.08, ge=0)
    """Relative SD of a section's stain gain around its brain's."""
    brain_stain_sd: float = Field(default=0.15, ge=0)
    illumination_sd: float = Field(default=0.02, ge=0)
    atlas_individuals: int = Field(default=10, ge=2)
    """The atlas is averaged over this many *other* individuals."""
    atlas_shift_mm: float = Field(default=3.0, ge=0)
    """RMS displacement of the atlas an individual gets."""
    annotated_fraction: Fraction = 0.75
    """Probability that a piece of an area on a labelled section is annotated."""
