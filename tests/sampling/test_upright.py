import numpy as np
import pytest

from gennari.records import Ribbon
from gennari.sampling.upright import upright_rotation_deg


def ribbon_of(depth):
    cortex = ~np.isnan(depth)
    return Ribbon(
        section=0,
        spacing_um=100.0,
        depth=depth.astype(np.float32),
        face=np.where(cortex, 0, -1).astype(np.int32),
        weights=np.repeat(cortex[..., None], 3, axis=2).astype(np.float32) / 3,
        side=np.where(cortex, 0, -1).astype(np.int8),
    )


def at(*values):
    return np.array(values)


@pytest.mark.parametrize("angle", [0, 30, 90, -135, 179])
def test_a_plain_slope_gives_its_own_direction(angle):
    u = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    r, c = np.meshgrid(np.arange(40.0), np.arange(40.0), indexing="ij")
    depth = ((r - 20) * u[0] + (c - 20) * u[1]) / 20 + 0.5
    depth[(depth < 0) | (depth > 1)] = np.nan
    got = upright_rotation_deg(ribbon_of(depth), at(20), at(20), u[None], 1600.0)
    assert (got - angle + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)


def test_the_opposite_bank_of_a_sulcus_does_not_turn_the_patch():
    column = np.concatenate([np.linspace(1, 0, 11), np.linspace(0, 1, 11)])  # two banks, pia to pia
    depth = np.repeat(column[:, None], 30, axis=1)
    inward = np.array([[-1.0, 0.2], [1.0, 0.2]])
    got = upright_rotation_deg(ribbon_of(depth), at(8, 13), at(15, 15), inward, 1600.0)
    assert np.abs(got) == pytest.approx([180, 0], abs=1e-3)


def test_a_lonely_pixel_and_one_at_the_edge_still_have_an_up():
    depth = np.full((20, 20), np.nan)
    depth[0, 0] = 0.5
    assert upright_rotation_deg(ribbon_of(depth), at(0), at(0), np.array([[0.0, 2.0]]), 1600.0) == pytest.approx([90])
