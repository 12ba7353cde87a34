"""The flat strip: as dark as its tables say, alike in law along itself, and another area behind a border."""

from dataclasses import replace

import numpy as np
import pytest

from gennari.phantom.flat import flat_strip
from gennari.phantom.layers import COLUMNS, profile_tables
from gennari.phantom.optics import absorption
from gennari.phantom.settings import BrainPlan, PhantomSettings

TABLES = profile_tables()
SETTINGS = PhantomSettings(brains=(BrainPlan(name="F", role="pretext", sections=1),))
STILL = SETTINGS.model_copy(update={"density_sd": 0.0, "boundary_sd": 0.0, "columns": 0.0})
HOC1, HOC2 = COLUMNS.index("hOc1"), COLUMNS.index("hOc2")


def expected_grey(column: int, rows: int, tables=TABLES) -> np.ndarray:
    """Mean grey value of each row, by the tables alone."""
    depth = (np.arange(8 * rows) + 0.5) / (8 * rows)
    edges = np.concatenate([[0.0], tables.boundaries[column], [1.0]])
    layer = np.searchsorted(edges[1:-1], depth, side="right")
    along = (depth - edges[layer]) / (edges[layer + 1] - edges[layer])
    entry = layer * 16 + (along * 16).astype(int)
    light = tables.neuropil[column, entry] * np.exp(-absorption(tables)[column, entry])
    return 255 * light.reshape(rows, 8).mean(axis=1)


def test_a_strip_without_variation_is_as_dark_as_its_tables_say(rng):
    image = flat_strip(TABLES, [HOC1], 30.0, STILL, rng)
    assert image.shape == (78, 938)
    off = np.abs(image.mean(axis=1) / expected_grey(HOC1, 78) - 1)
    assert off.mean() < 0.005
    assert off.max() < 0.05  # where a layer ends inside a tile


def test_areas_follow_each_other_in_parts_of_equal_length(rng):
    image = flat_strip(TABLES, [HOC1, HOC2, HOC1], 30.0, STILL, rng)
    parts = [image[:, 20 + k * 312 : k * 312 + 292].mean(axis=1) for k in range(3)]
    for part, column in zip(parts, (HOC1, HOC2, HOC1), strict=True):
        assert np.abs(part - expected_grey(column, 78))[1:-1].mean() < 1.5
    assert np.abs(parts[0] - parts[1]).mean() > 5


def test_a_border_is_as_wide_as_its_tables_say(rng):
    # layers of one thickness, so that greys mix in proportion
    alike = replace(TABLES, boundaries=np.tile(TABLES.boundaries[HOC1], (len(COLUMNS), 1)))
    grey = [np.tile(expected_grey(column, 78, alike), 8) for column in (HOC1, HOC2)]
    contrast = grey[1] - grey[0]

    def shares(width_mm):
        """Of hOc2, where it makes a tenth and nine tenths of a border 0.8 mm wide, and 1.5 mm off."""
        tables = replace(alike, border_width_mm=np.full_like(TABLES.border_width_mm, width_mm))
        image = np.concatenate([flat_strip(tables, [HOC1, HOC2], 7.0, STILL, rng) for _ in range(8)])
        share = contrast @ (image - grey[0][:, None]) / (contrast @ contrast)
        at = (np.arange(image.shape[1]) + 0.5) * 0.032 - 0.016 * image.shape[1]
        return [float(share[np.abs(at - place) < 0.1].mean()) for place in (-1.5, -0.4, 0.4, 1.5)]

    assert shares(0.8) == pytest.approx([0.0, 0.1, 0.9, 1.0], abs=0.07)
    assert shares(0.2) == pytest.approx([0.0, 0.0, 1.0, 1.0], abs=0.07)


@pytest.mark.parametrize(
    ("setting", "pooled"), [("density_sd", (1, 16)), ("boundary_sd", (1, 16)), ("columns", (78, 1))]
)
def test_tissue_varies_along_the_strip_as_the_settings_say(setting, pooled):
    def spread(settings):
        image = flat_strip(TABLES, [HOC1], 41.0, settings, np.random.default_rng(2))[:, :1280]
        means = image.reshape(78 // pooled[0], pooled[0], 1280 // pooled[1], pooled[1]).mean(axis=(1, 3))
        return float(np.sqrt(means.var(axis=1).mean()))

    assert spread(STILL.model_copy(update={setting: getattr(SETTINGS, setting)})) > 1.1 * spread(STILL)


def test_the_same_seed_draws_the_same_strip():
    one, two, other = (flat_strip(TABLES, [HOC1], 6.0, SETTINGS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
