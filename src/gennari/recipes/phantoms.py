"""The synthetic brains by name; one is derived from another by `model_copy(update=...)`."""

from collections.abc import Mapping
from types import MappingProxyType

from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.recipes.experiment import named


def _labelled(sections: int) -> tuple[BrainPlan, ...]:
    return tuple(
        BrainPlan(name=name, role="labelled", sections=sections, first=first)
        for name, first in zip("ABCD", (0.2, 0.4, 0.6, 0.8), strict=True)
    )


# the plan of the paper: one brain without labels, and 111 partly annotated sections of four others
DEFAULT_BRAINS = (
    BrainPlan(name="P", role="pretext", sections=240),
    *(
        BrainPlan(name=name, role="labelled", sections=sections, first=first)
        for name, sections, first in zip("ABCD", (28, 28, 28, 27), (0.2, 0.4, 0.6, 0.8), strict=True)
    ),
)

# tissue by BigBrain's staining profiles, not by a wished Dice, and frozen: variance between areas over that within
# 0.131 (0.127 and 0.143 there), area deviations over the mean profile 0.31 (0.36 and 0.37); bench/profile_realism.py
DEFAULT_PHANTOM = PhantomSettings(brains=DEFAULT_BRAINS).model_copy(
    update={"area_contrast": 1.0, "gradient": 0.2, "density_sd": 0.15, "boundary_sd": 0.08}
)
# slow trends of ln 2 say more of a place than real profiles do: variance ratio 0.16, deviations 0.38
EASY_PHANTOM = DEFAULT_PHANTOM.model_copy(update={"gradient": 0.69, "density_sd": 0.12, "boundary_sd": 0.06})
# fainter areas, more variation inside them: variance ratio 0.07, half of BigBrain's
HARD_PHANTOM = DEFAULT_PHANTOM.model_copy(update={"area_contrast": 0.6, "density_sd": 0.3, "boundary_sd": 0.15})
DEMO_PHANTOM = EASY_PHANTOM.model_copy(
    update={"brains": (BrainPlan(name="P", role="pretext", sections=108), *_labelled(6))}
)
# the unlabelled brain of the default phantom alone, pixel by pixel the same: 240 sections 0.29 mm apart, whose truth
# says where borders lie
BORDERS_PHANTOM = DEFAULT_PHANTOM.model_copy(update={"brains": DEFAULT_BRAINS[:1]})
# the sixth individual of the default phantom's seed, with an atlas of the same population: what is chosen on the five
# others is confirmed on it once
SEALED_PHANTOM = DEFAULT_PHANTOM.model_copy(
    update={"brains": (BrainPlan(name="E", role="labelled", sections=28, individual=len(DEFAULT_BRAINS)),)}
)
TINY_PHANTOM = PhantomSettings(
    brains=(BrainPlan(name="P", role="pretext", sections=8), *_labelled(3)), spacing_um=64.0, subdivisions=0
)
# one brain in the layout of BigBrain's releases: for trying imports, not for training well
RELEASE_PHANTOM = EASY_PHANTOM.model_copy(
    update={"brains": (BrainPlan(name="BigBrain", role="labelled", sections=8),), "subdivisions": 0}
)

PHANTOMS: Mapping[str, PhantomSettings] = MappingProxyType(
    {
        "demo": DEMO_PHANTOM,
        "default": DEFAULT_PHANTOM,
        "borders-small": BORDERS_PHANTOM,
        "easy": EASY_PHANTOM,
        "hard": HARD_PHANTOM,
        "sealed": SEALED_PHANTOM,
        "tiny": TINY_PHANTOM,
    }
)


def phantom_settings(name: str) -> PhantomSettings:
    """Settings of a phantom by name (InputError naming those there are)."""
    return named(PHANTOMS, name, "phantom")
