"""What tests of the phantom share: a coarse geometry and one individual drawn on it."""

import numpy as np
import pytest

from gennari.phantom.geometry import fsaverage_geometry
from gennari.phantom.individual import Geometry, Individual, make_individual
from gennari.phantom.settings import NO_NUISANCE, BrainPlan, PhantomSettings


@pytest.fixture(scope="session")
def geometry() -> Geometry:
    """fsaverage5 as it is bundled, 10,242 vertices a hemisphere."""
    return fsaverage_geometry(0)


@pytest.fixture(scope="session")
def plain_settings() -> PhantomSettings:
    """A phantom without any chance but the cells: published layers, one stain, even light."""
    return PhantomSettings(
        brains=(BrainPlan(name="A", role="labelled", sections=5),),
        spacing_um=64.0,
        area_contrast=1.0,
        gradient=0.0,
        density_sd=0.0,
        boundary_sd=0.0,
        nuisance=NO_NUISANCE,
    )


@pytest.fixture(scope="session")
def plain(geometry: Geometry, plain_settings: PhantomSettings) -> Individual:
    """An individual of `plain_settings`."""
    return make_individual("A", geometry, plain_settings, np.random.SeedSequence(7))
