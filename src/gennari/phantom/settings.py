"""What a phantom data set consists of; no heavy import, so that the command line can show it."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, field_validator, model_serializer

Fraction = Annotated[float, Field(ge=0, le=1)]
Strength = Annotated[float, Field(ge=0)]


class BrainPlan(BaseModel):
    """One individual: its part in the experiment and how many sections it gets.

    Sections are spread evenly over the posterior part of the brain; `first` shifts them by a fraction of a step, so
    that individuals are not cut at the same places. `geometry` says whether the brain stands on the bundled fsaverage5
    ("default") or on the surfaces given with the command ("given"); None leaves it to the command.

    `individual` says which of the individuals that the phantom's seed stands for it is, counted from 0; None takes its
    place among the brains.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    role: Literal["pretext", "labelled"]
    sections: int = Field(ge=1)
    first: Fraction = 0.5
    geometry: Literal["default", "given"] | None = None
    individual: NonNegativeInt | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked_for(self, plain: Callable[["BrainPlan"], dict[str, object]]) -> dict[str, object]:
        # data sets are known by what their settings are written as: what came later is written where it is set
        values = plain(self)
        return {key: value for key, value in values.items() if key != "individual" or value is not None}


class Nuisance(BaseModel):
    """All that differs between sections and has nothing to do with areas; each is switched off by 0.

    Attributes:
        brain_stain_sd: relative SD of a brain's tone around the mean of all brains.
        stain_sd: relative SD of a section's stain gain around its brain's.
        illumination_sd: relative SD of a smooth gradient over a section (correlation length 25 mm).
        blur_um: SD of the focus blur of a typical section; sections vary around it.
        camera_sd: SD of the camera's noise in a pixel of 1 µm, in grey values.
        thickness_sd: relative SD of a section's thickness around 20 µm: thicker ones hold more cells in each pixel.
        cracks: mean number of tears and cracks a section.
        folds: mean number of folds a section, where tissue lies double.
        dust: mean number of specks a section.
        missing: mean number of missing pieces of tissue a section.
        registration_mm: a section's tissue lies off its surfaces by this RMS, drawn evenly between the two.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    brain_stain_sd: Strength = 0.15
    stain_sd: Strength = 0.08
    illumination_sd: Strength = 0.03
    blur_um: Strength = 0.8
    camera_sd: Strength = 8.0
    thickness_sd: Strength = 0.08
    cracks: Strength = 1.5
    folds: Strength = 0.4
    dust: Strength = 4.0
    missing: Strength = 0.15
    registration_mm: tuple[Strength, Strength] = (0.1, 0.5)

    @field_validator("registration_mm")
    @classmethod
    def _registration_rises(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] > limits[1]:
            raise ValueError(f"registration_mm must be (lowest, highest), got {limits}; swap the two")
        return limits


NO_NUISANCE = Nuisance(
    brain_stain_sd=0, stain_sd=0, illumination_sd=0, blur_um=0, camera_sd=0, thickness_sd=0, cracks=0, folds=0, dust=0,
    missing=0, registration_mm=(0, 0),
)  # fmt: skip


class Annotators(BaseModel):
    """How experts mark areas.

    Attributes:
        annotated_fraction: probability that a piece of an area on a labelled section is annotated.
        jitter_mm: each of the two observers draws borders off by this RMS (lowest and highest of the observers').
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    annotated_fraction: Fraction = 0.75
    jitter_mm: tuple[Strength, Strength] = (0.2, 0.5)


class PhantomSettings(BaseModel):
    """Every number of the phantom that a user may turn; docs/data.md has the source of each.

    Attributes:
        subdivisions: how often the bundled fsaverage5 is refined; a folder of surfaces is taken as it is.
        posterior_fraction: part of the brain's y extent that is cut on fsaverage5 (BigBrain: sections 0 to 3000).
        shape_sd_mm: RMS of the smooth warp of a brain's shape.
        scale_sd: relative SD of a brain's size along each axis.
        sulcal_depth_sd: relative SD of the depth of sulci, varying along the cortex.
        folding_mm: RMS of folds that only this individual has (wavelength about 25 mm), along the surface's normal.
        phase_mm: RMS by which areas and folds slide along each other.
        border_sd_mm: SD of the areas' borders on fsaverage5; with a probability map the map says it.
        area_contrast: areas differ from their mean by this much of what the published tables say.
        one_cytoarchitecture: all of cortex gets the mean over areas: what a net then learns is geometry. Where areas
            lie, gradients and all else stay.
        layer_order: which layer's cells are drawn in the place of each layer; a control permutes it.
        gradient: change of log cell density over the hemisphere along each of three trends (phantom/gradients.py).
        density_sd: SD of a layer's log cell density along the cortex, at `long_mm` and again at `short_mm`.
        boundary_sd: relative SD of a layer's thickness along the cortex.
        columns: relative modulation of cell density by columns, where there are any.
        vessels_per_mm2: vessels seen in a section's cortex.
        atlas_individuals: the atlas is averaged over this many *other* individuals.
        atlas_shift_mm: RMS displacement of the atlas an individual gets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 1776
    brains: tuple[BrainPlan, ...]
    spacing_um: float = Field(default=32.0, gt=0)
    subdivisions: int = Field(default=1, ge=0, le=2)
    posterior_fraction: Fraction = 0.41
    shape_sd_mm: Strength = 2.0
    scale_sd: Strength = 0.03
    sulcal_depth_sd: Strength = 0.12
    folding_mm: Strength = 0.6
    phase_mm: Strength = 2.0
    border_sd_mm: Strength = 2.5
    area_contrast: Fraction = 1.0
    one_cytoarchitecture: bool = False
    layer_order: tuple[int, int, int, int, int, int] = (0, 1, 2, 3, 4, 5)
    gradient: Strength = 0.69
    density_sd: Strength = 0.12
    boundary_sd: Strength = 0.06
    long_mm: float = Field(default=3.5, gt=0)
    short_mm: float = Field(default=0.8, gt=0)
    columns: Strength = 0.3
    vessels_per_mm2: Strength = 12.0
    nuisance: Nuisance = Nuisance()
    annotators: Annotators = Annotators()
    atlas_individuals: int = Field(default=10, ge=2)
    atlas_shift_mm: Strength = 3.0
