"""How training images may be changed at random; no heavy import, so that settings can hold it."""

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt


class Augmentation(BaseModel):
    """What may be changed, and by how much; nothing by default. Labels and prior turn with their image.

    Attributes:
        mirror: chance that columns are mirrored (an upright patch stays upright; a section's window becomes one of the
            other hemisphere).
        quarter_turns: each image is turned by 0, 90, 180 or 270 degrees; exact, no pixel is interpolated.
        rotation_deg: each is further turned by an angle drawn evenly from -rotation_deg .. rotation_deg (180: any).
            The corners of a window come from its section; those of a patch, which has nothing around it, from its own
            reflection at the border.
        gain: staining is multiplied by a factor drawn evenly on a log scale from 1 / (1 + gain) .. 1 + gain.
        gamma: the same for the exponent of brightness.
        blur_px: each image is blurred by a Gaussian whose standard deviation is drawn evenly from 0 .. blur_px.
        prior_shift_px: the atlas window is displaced by up to this many of its pixels along each axis: an atlas lies
            wrong by millimetres in each brain, and a few training sections would otherwise be learned by heart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mirror: float = Field(default=0.0, ge=0, le=1)
    quarter_turns: bool = False
    rotation_deg: float = Field(default=0.0, ge=0, le=180)
    gain: NonNegativeFloat = 0.0
    gamma: NonNegativeFloat = 0.0
    blur_px: NonNegativeFloat = 0.0
    prior_shift_px: NonNegativeInt = 0
