"""How much sections are told by their neighbours; no heavy import, so that settings can hold it."""

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat


class ContextSettings(BaseModel):
    """Surface context: a second opinion on each pixel of cortex from the same place on the surface.

    Attributes:
        length_mm: standard deviation, along each direction of the mid surface, of the neighbourhood that speaks. Where
            sections lie further apart than that, it is mostly the section itself, along its ribbon and through all
            layers.
        weight: of the second opinion; 0 leaves each section as it is, 1 listens to the surface alone. It and the length
            were chosen on validation sections of the default phantom, for the paper's L (bench/context.py).
        reach_mm: pixels this near to the ribbon are told too: tissue does not lie quite where the surfaces say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    length_mm: NonNegativeFloat = 2.0
    weight: float = Field(default=0.75, ge=0, le=1)
    reach_mm: NonNegativeFloat = 0.5
