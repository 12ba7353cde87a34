"""What tests of the phantom share: a coarse geometry and one individual drawn on it."""

from collections.abc import Callable

import numpy as np
import pytest

from gennari.phantom.geometry import fsaverage_geometry
from gennari.phantom.individual import Geometry, Individual, make_individual
from gennari.phantom.settings import NO_NUISANCE, BrainPlan, PhantomSettings
from gennari.phantom.tiles import Tiles


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


@pytest.fixture(scope="session")
def white_tiles() -> Callable[..., Tiles]:
    """white_tiles(where, corner): tiles of 32 µm that are white matter where said, and glass elsewhere."""

    def make(where: np.ndarray, corner: tuple[int, int] = (0, 0)) -> Tiles:
        return Tiles(
            first_row=corner[0],
            first_col=corner[1],
            tile_um=32.0,
            depth=np.full(where.shape, np.nan, np.float32),
            slope=np.zeros((*where.shape, 2), np.float32),
            face=np.full(where.shape, -1, np.int32),
            weights=np.zeros((*where.shape, 3), np.float32),
            across_mm=np.zeros(where.shape, np.float32),
            across_slope=np.zeros((*where.shape, 2), np.float32),
            white=where,
        )

    return make
