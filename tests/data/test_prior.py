import numpy as np
import pytest

from gennari.data.prior import Prior, make_prior
from gennari.records import Hemisphere, Ribbon, TriangleMesh


def plane(side: str) -> Hemisphere:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1]], float)
    mesh = TriangleMesh(vertices_mm=vertices, faces=np.array([[0, 1, 2], [1, 3, 2]], np.int32))
    return Hemisphere(side=side, pial=mesh, white=mesh, inflated=mesh, medial_wall=np.zeros(4, bool))


def prior_image(*given: object, **further: object) -> np.ndarray:
    """All of a prior's fine grid."""
    return make_prior(*given, **further)[..., :, :]  # pyright: ignore[reportArgumentType]


HEMISPHERES = (plane("L"), plane("R"))


def ribbon_of(side: np.ndarray, spacing_um: float = 64.0) -> Ribbon:
    """Cortex where `side` is 0 or 1, all of it in the middle of face 0."""
    cortex = side >= 0
    return Ribbon(
        section=1,
        spacing_um=spacing_um,
        depth=np.where(cortex, 0.5, np.nan).astype(np.float32),
        face=np.where(cortex, 0, -1).astype(np.int32),
        weights=np.repeat(cortex[..., None], 3, axis=2).astype(np.float32) / 3,
        side=side.astype(np.int8),
    )


def halves() -> np.ndarray:
    side = np.full((300, 400), -1)
    side[140:160, :200] = 0
    side[140:160, 200:] = 1
    return side


def constant(left: list[float], right: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(np.array(left, np.float32), (4, 1)), np.tile(np.array(right, np.float32), (4, 1))


def test_a_constant_stays_constant_near_the_ribbon_and_fades_beyond_the_spread() -> None:
    prior = prior_image(ribbon_of(halves()), HEMISPHERES, constant([0.7, 0.0], [0.7, 0.0]), 64.0)
    assert prior.dtype == np.float32
    assert prior.shape == (2, 300, 400)
    inside = prior[0, :, 30:-30]
    # Within 1.5 mm of the ribbon the blur (0.5 mm) does not reach the edge of the spread (3 mm).
    np.testing.assert_allclose(inside[140 - 23 : 160 + 23], 0.7, atol=0.003)
    edge = inside[140 - 47, 0]  # 3 mm away: half
    assert edge == pytest.approx(0.35, abs=0.06)
    assert (prior[0, : 140 - 47 - 40] < 0.002).all()
    assert (prior[1] == 0).all()


def test_left_and_right_keep_their_own_and_blend_over_the_blur() -> None:
    prior = prior_image(ribbon_of(halves()), HEMISPHERES, constant([1.0, 0.0], [0.0, 1.0]), 64.0)
    row = prior[:, 150, 30:-30].astype(float)
    np.testing.assert_allclose(row.sum(axis=0), 1.0, atol=0.003)
    assert row[0, : 170 - 30].min() > 0.99
    assert row[1, 170 + 30 :].min() > 0.99
    assert row[0, 169:171].mean() == pytest.approx(0.5, abs=0.02)


def test_probabilities_are_interpolated_in_the_face() -> None:
    left = np.array([[0.0], [0.3], [0.6], [1.0]], np.float32)  # face 0 has vertices 0, 1, 2: mean 0.3
    prior = prior_image(ribbon_of(halves()), HEMISPHERES, (left, left), 64.0)
    assert prior[0, 150, 100] == pytest.approx(0.3, abs=0.002)


@pytest.mark.parametrize("spacing", [32.0, 64.0, 128.0, 500.0])
def test_grids_of_any_spacing_agree_in_place(spacing: float) -> None:
    prior = prior_image(ribbon_of(halves()), HEMISPHERES, constant([1.0], [0.0]), spacing)
    fine = prior_image(ribbon_of(halves()), HEMISPHERES, constant([1.0], [0.0]), 16.0)
    assert prior.shape[1:] == tuple(int(np.ceil(n * 64 / spacing)) for n in (300, 400))
    rows, cols = (((np.arange(n) + 0.5) * spacing / 16).astype(int) for n in prior.shape[1:])
    expected = fine[0][np.ix_(np.minimum(rows, fine.shape[1] - 1), np.minimum(cols, fine.shape[2] - 1))]
    np.testing.assert_allclose(prior[0].astype(float), expected.astype(float), atol=0.02)


def test_the_nearest_cortex_gives_its_areas(rng: np.random.Generator) -> None:
    """Against a plain loop over all cortex pixels, with no blur (then nothing is coarsened)."""
    side = np.full((24, 30), -1)
    side[rng.random((24, 30)) < 0.02] = 0
    side[rng.random((24, 30)) < 0.02] = 1
    prior = prior_image(ribbon_of(side, 200.0), HEMISPHERES, constant([1.0], [0.25]), 200.0, spread_mm=1.1, blur_mm=0.0)
    cortex = np.argwhere(side >= 0)
    for r in range(24):
        for c in range(30):
            squared = ((cortex - (r, c)) ** 2).sum(axis=1)
            near = {side[tuple(place)] for place in cortex[squared == squared.min()]}
            expected = {(1.0, 0.25)[int(s)] for s in near} if squared.min() * 0.04 <= 1.1**2 else {0.0}
            assert float(prior[0, r, c]) in expected


def test_a_section_without_cortex_has_a_prior_of_zeros() -> None:
    prior = prior_image(ribbon_of(np.full((20, 30), -1)), HEMISPHERES, constant([1.0], [1.0]), 128.0)
    assert prior.shape == (1, 10, 15)
    assert (prior == 0).all()


def test_the_shape_can_be_given() -> None:
    prior = prior_image(ribbon_of(halves()), HEMISPHERES, constant([1.0], [1.0]), 32.0, shape_px=(599, 799))
    assert prior.shape == (1, 599, 799)


def test_an_atlas_of_another_mesh_is_refused() -> None:
    wrong = (np.zeros((4, 1), np.float32), np.zeros((5, 1), np.float32))
    with pytest.raises(ValueError, match=r"hemisphere R must have a row a vertex \(4\), got 5"):
        prior_image(ribbon_of(halves()), HEMISPHERES, wrong, 64.0)


@pytest.mark.parametrize("ratio", [0.1, 0.256, 1.0, 2.5])
def test_a_window_is_the_same_part_of_the_whole_and_linear_between_centres(ratio: float, rng) -> None:
    """Against interpolation at each pixel by itself."""
    coarse = rng.uniform(size=(2, 7, 9)).astype(np.float16)
    coarse[1] = 0
    rows, cols = int(7 / ratio), int(9 / ratio)
    prior = Prior(coarse=coarse, ratio=ratio, fine_px=(rows, cols))
    whole = prior[..., :, :]
    assert whole.shape == prior.shape == (2, rows, cols)
    for i, j in [(0, 0), (rows - 1, cols - 1), *rng.integers(0, [rows, cols], (20, 2)).tolist()]:
        y, x = (np.clip((k + 0.5) * ratio - 0.5, 0, n - 1) for k, n in ((i, 7), (j, 9)))
        r, c = min(int(y), 5), min(int(x), 7)
        square, down, right = coarse[0, r : r + 2, c : c + 2].astype(float), y - r, x - c
        wanted = np.array([1 - down, down]) @ square @ np.array([1 - right, right])
        assert whole[0, i, j] == pytest.approx(wanted, abs=1e-5)
    assert not whole[1].any()
    for _ in range(10):
        (top, bottom), (left, right) = (np.sort(rng.integers(0, n + 1, 2)) for n in (rows, cols))
        np.testing.assert_array_equal(prior[..., top:bottom, left:right], whole[:, top:bottom, left:right])


def test_a_prior_of_one_coarse_pixel_is_constant() -> None:
    prior = Prior(coarse=np.full((1, 1, 1), 0.5, np.float16), ratio=0.2, fine_px=(5, 5))
    np.testing.assert_array_equal(prior[..., :, :], 0.5)
