"""Areas can be told by their layers and by nothing else: not by nuisance, not by seeds, not by places in a window.

A linear classifier learns on the sections of one individual and is asked about another's. Its balanced accuracy is held
against chance, which is one over the number of areas.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numba import njit
from scipy import stats

from gennari.phantom.chance import following, key, normal, part
from gennari.phantom.damage import damage
from gennari.phantom.draw import PhantomSectionReader, extent_um, grid_of
from gennari.phantom.expose import photograph
from gennari.phantom.individual import Individual, make_individual
from gennari.phantom.layers import COLUMNS, profile_tables
from gennari.phantom.nuisance import light_at
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.phantom.tiles import TILE_UM, cut_tiles, near_plane, sheet_of
from gennari.phantom.vessels import VESSEL_TILE_UM
from gennari.records import Section, Window

AREAS = ("hOc1", "hOc2", "FG4", "PE")
CHANCE = 1 / len(AREAS)
BRAINS = ("A", "B")
SECTIONS, PER_SECTION = 9, 8
SIZE_PX, SPACING_UM, CUT_UM = (128, 24), 32.0, 128.0
DEPTHS, DEPTH_UM = 24, 64.0
SETTINGS = PhantomSettings(
    brains=tuple(BrainPlan(name=name, role="labelled", sections=SECTIONS) for name in BRAINS),
    spacing_um=SPACING_UM,
)
SEEDS = range(5)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Place:
    """A patch: where it lies, upright, and whose it is."""

    section: int
    window: Window
    area: int


@dataclass(frozen=True)
class Brain:
    individual: Individual
    sections: tuple[Section, ...]
    places: tuple[Place, ...]


def _brain(geometry, name, settings, places=None) -> Brain:
    individual = make_individual(name, geometry, settings, np.random.SeedSequence([1776, ord(name)]))
    sections = plan_sections(individual, settings.brains[BRAINS.index(name)], settings)
    if places is None:
        rng = np.random.default_rng(ord(name))
        places = [p for k, section in enumerate(sections) for p in _places(individual, section, k, rng)]
    return Brain(individual, sections, tuple(places))


def _places(individual, section, number, rng):
    """Places on mid cortex inside the areas, at random, the row axis from pia to white matter."""
    shape = section.grid_shape(CUT_UM)
    sheet = sheet_of(individual)
    tiles = cut_tiles(near_plane(individual.hemispheres, section), sheet, section, (0, 0), shape, CUT_UM)
    steep = np.hypot(*np.moveaxis(tiles.slope, 2, 0))
    # cut about at right angles: the cortex is no thicker than 4.5 mm on the plane
    mid = (abs(tiles.depth - 0.5) < 0.1) & (steep * 4500 > 1)
    area_of = np.full(len(COLUMNS), -1)
    area_of[[COLUMNS.index(name) for name in AREAS]] = range(len(AREAS))
    corners = area_of[sheet.best[sheet.faces[tiles.face]]]
    area = np.where(mid & (np.ptp(corners, axis=2) == 0), corners[:, :, 0], -1)
    for index in range(len(AREAS)):
        rows, cols = np.nonzero(area == index)
        for k in rng.permutation(len(rows))[:PER_SECTION]:
            centre = (np.array([rows[k], cols[k]]) + rng.uniform(0, 1, 2)) * CUT_UM
            down = tiles.slope[rows[k], cols[k]]
            window = Window(
                brain=section.brain,
                section=section.id,
                centre_um=(float(centre[0]), float(centre[1])),
                size_px=SIZE_PX,
                spacing_um=SPACING_UM,
                rotation_deg=float(np.rad2deg(np.arctan2(down[1], down[0]))),
            )
            yield Place(number, window, index)


@pytest.fixture(scope="module")
def brains(geometry) -> tuple[Brain, ...]:
    return tuple(_brain(geometry, name, SETTINGS) for name in BRAINS)


def _readers(brain: Brain, settings=SETTINGS) -> list[PhantomSectionReader]:
    sheet = sheet_of(brain.individual)
    return [
        PhantomSectionReader(individual=brain.individual, sheet=sheet, section=section, settings=settings)
        for section in brain.sections
    ]


def _profiles(brain: Brain) -> np.ndarray:
    """-log transmission of patches over depth, pia to white matter, as a share of its mean: neither the stain nor the
    thickness of cortex can be seen.
    """
    readers, out = _readers(brain), []
    rows, cols = (a.ravel() for a in np.mgrid[: SIZE_PX[0], : SIZE_PX[1]])
    for place in brain.places:
        reader, grid = readers[place.section], grid_of(place.window)
        first, last = (np.floor(corner / DEPTH_UM).astype(int) for corner in extent_um(grid))
        shape = last - first + 1
        corner = (int(first[0]), int(first[1]))
        tiles = cut_tiles(reader.near, reader.sheet, reader.section, corner, (int(shape[0]), int(shape[1])), DEPTH_UM)
        down, right = (rows + 0.5) * SPACING_UM, (cols + 0.5) * SPACING_UM
        i = np.floor((grid.row0_um + grid.cos * down - grid.sin * right) / DEPTH_UM).astype(int) - corner[0]
        j = np.floor((grid.col0_um + grid.sin * down + grid.cos * right) / DEPTH_UM).astype(int) - corner[1]
        depth = tiles.depth[i, j]
        # the cortex of this place, not that of the other bank
        here = np.isfinite(depth) & (abs(down - 0.5 * SIZE_PX[0] * SPACING_UM - (depth - 0.5) * 2500) < 1200)
        taken = -np.log(np.clip(reader.read(place.window).ravel().astype(float), 1, 254) / 255)
        bins = np.minimum((depth[here] * DEPTHS).astype(int), DEPTHS - 1)
        count = np.bincount(bins, minlength=DEPTHS)
        mean = np.bincount(bins, taken[here], minlength=DEPTHS) / np.maximum(count, 1)
        mean[count == 0] = taken[here].mean()
        out.append(mean / mean.mean())
    return np.array(out)


def _areas(brain: Brain) -> np.ndarray:
    return np.array([p.area for p in brain.places])


class _Linear:
    """Linear discriminants of equally likely classes on the first principal components."""

    def __init__(self, x: np.ndarray, y: np.ndarray, components: int = 20) -> None:
        self.mean, self.sd = x.mean(axis=0), x.std(axis=0) + 1e-9
        z = (x - self.mean) / self.sd
        self.axes = np.linalg.svd(z, full_matrices=False)[2][:components].T
        z = z @ self.axes
        self.centres = np.stack([z[y == k].mean(axis=0) for k in range(len(AREAS))])
        within = np.cov((z - self.centres[y]).T)
        within += 0.05 * np.trace(within) / len(within) * np.eye(len(within))
        self.weights = np.linalg.solve(within, self.centres.T)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        z = (x - self.mean) / self.sd @ self.axes
        return (z @ self.weights - 0.5 * (self.centres.T * self.weights).sum(axis=0)).argmax(axis=1)


def _balanced(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([(found[truth == k] == k).mean() for k in range(len(AREAS))]))


def _accuracy(features, brains) -> float:
    """Learnt on A and asked about B, and the other way round."""
    truth = [_areas(brain) for brain in brains]
    return float(np.mean([
        _balanced(_Linear(features[k], truth[k])(features[1 - k]), truth[1 - k]) for k in range(2)
    ]))  # fmt: skip


def _assert_chance(accuracies) -> None:
    half = stats.t.ppf(0.995, len(accuracies) - 1) * stats.sem(accuracies)
    assert abs(np.mean(accuracies) - CHANCE) < half, accuracies
    # an interval as wide as everything would prove nothing
    assert half < 0.15


def test_every_area_has_patches_in_both_brains(brains):
    for brain in brains:
        assert np.bincount(_areas(brain), minlength=len(AREAS)).min() >= 20


@pytest.fixture(scope="module")
def intact(brains):
    """Profiles of intact patches, a classifier of each brain's, and how well they know the other's."""
    profiles = [_profiles(brain) for brain in brains]
    classifiers = [_Linear(x, _areas(brain)) for x, brain in zip(profiles, brains, strict=True)]
    return classifiers, _accuracy(profiles, brains)


def test_intact_patches_tell_their_area(intact):
    assert intact[1] >= 0.5


def test_permuted_layers_halve_the_accuracy(brains, intact):
    tables = profile_tables(layer_order=(5, 4, 3, 2, 1, 0))
    permuted = [replace(brain, individual=replace(brain.individual, tables=tables)) for brain in brains]
    found = [_balanced(intact[0][k](_profiles(permuted[1 - k])), _areas(brains[1 - k])) for k in range(2)]
    assert np.mean(found) <= 0.5 * intact[1]


def test_one_cytoarchitecture_leaves_trends_alone_and_without_them_nothing(geometry, brains, intact):
    left = []
    for gradient in (SETTINGS.gradient, 0.0):
        settings = SETTINGS.model_copy(update={"one_cytoarchitecture": True, "gradient": gradient})
        alike = [_brain(geometry, name, settings, brain.places) for name, brain in zip(BRAINS, brains, strict=True)]
        left.append(_accuracy([_profiles(brain) for brain in alike], brains))
    # areas lie where they lie: density that falls through the hemisphere tells the posterior ones from the others
    assert left[0] - CHANCE <= 0.55 * (intact[1] - CHANCE)
    assert left[1] - CHANCE <= 0.25 * (intact[1] - CHANCE)


def _reseeded(brain: Brain, seed: int) -> Brain:
    """The same brain with other chance in its sections."""
    return replace(brain, individual=replace(brain.individual, texture_seed=1000 * seed + ord(brain.individual.name)))


def _nuisance_alone(brain: Brain) -> np.ndarray:
    """All that happened to the section where a patch lies, on tissue that is the same everywhere."""
    readers, out = _readers(brain), []
    none = np.zeros((1, 1), np.float32)
    for place in brain.places:
        reader, window = readers[place.section], place.window
        condition, grid = reader.condition, grid_of(window)
        at = np.array([window.centre_um])
        light = condition.gain * light_at(condition, at[:, 0], at[:, 1])
        harmed = damage(condition, window)
        holes, double, dust = (
            (np.zeros(SIZE_PX, np.float32),) * 3 if harmed is None else (harmed.holes, harmed.double, harmed.dust)
        )
        even = np.exp(-0.45 * light[0] * (1 + double)) * (1 - holes) + holes
        image = photograph(
            reader.seed, grid, even.astype(np.float32), holes < 1, none if harmed is None else dust, condition.camera_sd
        )
        out.append(
            np.concatenate(
                [
                    [condition.gain, condition.thickness_um, condition.blur_um, light[0]],
                    [holes.mean(), double.mean(), dust.mean()],
                    condition.registration.at(at)[0],
                    image.reshape(16, 8, SIZE_PX[1]).mean(axis=(1, 2)),
                    image.reshape(16, 8, SIZE_PX[1]).std(axis=(1, 2)),
                ]
            )
        )
    return np.array(out)


def test_nuisance_alone_tells_nothing(brains):
    _assert_chance(
        [
            _accuracy([_nuisance_alone(b) for b in (_reseeded(brain, seed) for brain in brains)], brains)
            for seed in SEEDS
        ]
    )


@njit
def _numbers(seed, row, col):
    """The chance of nine tiles' cells: places, kinds, sizes."""
    out = np.empty(9 * 16)
    n = 0
    for i in range(-1, 2):
        for j in range(-1, 2):
            at = key(seed, row + i, col + j)
            for _ in range(2):
                for k in range(4):
                    out[n], out[n + 4] = part(at, k), normal(at, k)
                    n += 1
                n += 4
                at = following(at)
    return out


def _seeds_and_places_alone(brain: Brain) -> np.ndarray:
    readers, out = _readers(brain), []
    for place in brain.places:
        centre = np.array(place.window.centre_um)
        tile = np.floor(centre / (0.5 * TILE_UM)).astype(int)
        grid = grid_of(place.window)
        inside = [
            wave(2 * np.pi * corner / step_um)
            for step_um in (SPACING_UM, TILE_UM / 2, VESSEL_TILE_UM, 2000.0)
            for corner in (*centre, grid.row0_um, grid.col0_um)
            for wave in (np.cos, np.sin)
        ]
        numbers = _numbers(np.uint64(readers[place.section].seed), int(tile[0]), int(tile[1]))
        out.append(np.concatenate([inside, numbers]))
    return np.array(out)


def test_noise_seed_and_place_inside_the_window_tell_nothing(brains):
    _assert_chance(
        [
            _accuracy([_seeds_and_places_alone(b) for b in (_reseeded(brain, seed) for brain in brains)], brains)
            for seed in SEEDS
        ]
    )
