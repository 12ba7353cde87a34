import numpy as np
import pytest

from gennari.sampling.table import Located, centres_mm, patch_table


@pytest.fixture
def located(rng):
    n = 60
    return Located(
        section=rng.choice(np.array([1030, 900], np.int32), n),
        centre_um=rng.uniform(0, 40_000, (n, 2)),
        side=rng.integers(0, 2, n).astype(np.int8),
        face=rng.integers(0, 5120, n).astype(np.int32),
        weights=rng.dirichlet([1, 1, 1], n).astype(np.float32),
        plane_angle_deg=rng.uniform(0, 90, n),
        rotation_deg=rng.uniform(-180, 180, n),
        tissue_share=rng.uniform(size=n),
    )


def test_centres_are_points_of_their_own_sections(spheres, located):
    sections = {s.id: s for s in (spheres.section(3.0), spheres.section(-10.0))}
    found = centres_mm(located.section, located.centre_um, sections)
    for point, number, centre in zip(found, located.section, located.centre_um, strict=True):
        assert point == pytest.approx(sections[int(number)].brain_mm(centre[None])[0])


def test_each_row_says_what_its_place_on_the_sphere_does(spheres, located):
    sections = {s.id: s for s in (spheres.section(3.0), spheres.section(-10.0))}
    table = patch_table(located, sections, spheres.hemispheres(), {1030: "train", 900: "test"})
    assert set(table.brain.tolist()) == {"P"}
    for row in range(len(table)):
        hemisphere = spheres.hemispheres()[located.side[row]]
        corners = hemisphere.pial.faces[located.face[row]]
        assert table.vertex[row] == corners[located.weights[row].argmax()]
        assert table.inflated_mm[row] == pytest.approx(
            located.weights[row] @ hemisphere.mirrored_inflated_mm[corners], rel=1e-5, abs=1e-4
        )
        assert table.split[row] == {1030: "train", 900: "test"}[int(table.section[row])]
    assert table.curvature_per_mm == pytest.approx(1 / 20, rel=0.05)
    for name in ("section", "centre_um", "face", "plane_angle_deg", "rotation_deg", "tissue_share"):
        assert np.array_equal(getattr(table, name), getattr(located, name))
