"""Where an individual is cut: section planes, their numbers, pixel grids and ratings."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from gennari.frames import coronal
from gennari.phantom.individual import Individual
from gennari.phantom.nuisance import section_condition
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.records import Section

SECTION_STEP_MM = 0.02
"""As in BigBrain: section `id` lies `id` times this in front of the occipital pole."""
MARGIN_MM = 4.0
"""Empty glass around the tissue."""
POLE_MM = 2.0
"""The first section stands at least this far inside the pole."""


def plan_sections(individual: Individual, plan: BrainPlan, settings: PhantomSettings) -> tuple[Section, ...]:
    """Coronal sections, evenly over the posterior part of the brain, all on grids of one shape, and rated."""
    points = np.concatenate([h.pial.vertices_mm for h in individual.hemispheres])
    y = points[:, 1]
    pole_mm = float(np.floor(y.min() / SECTION_STEP_MM) * SECTION_STEP_MM)
    reach_mm = settings.posterior_fraction * float(np.ptp(y))
    offsets = POLE_MM + (np.arange(plan.sections) + plan.first) * (reach_mm - POLE_MM) / plan.sections
    low, high = _bounds(points[y <= pole_mm + reach_mm + MARGIN_MM])
    shape = tuple(int(np.ceil(size * 1e3 / settings.spacing_um)) for size in (high[2] - low[2], high[0] - low[0]))
    sections = (
        Section(
            brain=plan.name,
            id=number,
            spacing_um=settings.spacing_um,
            shape_px=(shape[0], shape[1]),
            to_brain=coronal(pole_mm + SECTION_STEP_MM * number, float(low[0]), float(high[2])),
        )
        for number in (round(float(offset) / SECTION_STEP_MM) for offset in offsets)
    )
    # what happened to a section does not depend on its rating, so it can be asked before there is one
    return tuple(replace(s, quality=section_condition(individual, s, settings.nuisance).quality) for s in sections)


def _bounds(points: Float[np.ndarray, "n 3"]) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    return points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM
