"""The numbers of the contrastive term of the pretext task. No torch here."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, model_validator


class Contrast(BaseModel):
    """Features of patches that lie close together along the cortex are drawn together, others pushed apart.

    Attributes:
        kind: "hard": pairs within a radius are positives, far patches of the batch negatives; "soft": all patches of
            the batch count by their distance.
        weight: of the term in the loss.
        temperature: that similarities, cosines, are divided by.
        radius_mm: positives are pairs no farther apart along the cortex. Near pairs are drawn within it.
        mask_mm: "hard": patches nearer than this on the inflated surface, the right one mirrored, are no negatives.
        width_mm: "soft": targets fall off as exp(-d² / 2 width²), d along the cortex where it was measured, else
            straight on the inflated surface.
        projection: width of a further head that features pass before they are compared; it is dropped after training.
            None: the features themselves.
        across_ranks: under several processes, negatives from all micro-batches that run at once. The result then
            depends on the number of processes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["hard", "soft"] = "hard"
    weight: PositiveFloat = 1.0
    temperature: PositiveFloat = 0.1
    radius_mm: PositiveFloat = 2.0
    mask_mm: PositiveFloat = 8.0
    width_mm: PositiveFloat = 4.0
    projection: PositiveInt | None = None
    across_ranks: bool = False

    @model_validator(mode="after")
    def _masks_what_is_near(self) -> "Contrast":
        if self.mask_mm < self.radius_mm:
            raise ValueError(
                f"mask_mm must be at least radius_mm, or a patch that is near is pushed away, got {self.mask_mm:g} and "
                f"{self.radius_mm:g}"
            )
        return self
