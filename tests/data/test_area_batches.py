import dataclasses

import numpy as np
import pytest
import torch

from gennari.data import area_batches
from gennari.data.area_batches import AreaBatch, AreaBatches, LabelledSection, WindowGrid
from gennari.data.augmentation import Augmentation
from gennari.data.pixels import Normalisation
from gennari.data.prior import Prior
from gennari.records import IGNORE

UNIT = Normalisation(mean=0.0, std=1 / 255)
GRID = WindowGrid(
    image_px=24,
    image_before_px=3,
    stride_px=4,
    output_px=4,
    atlas_px=10,
    atlas_before_px=1,
    atlas_stride_px=2,
)


def _section(rng: np.random.Generator, labels: tuple[int, ...], shape: tuple[int, int] = (61, 50)) -> LabelledSection:
    """Image, labels and prior that all tell their own row and column."""
    rows, cols = shape
    image = (np.add.outer(np.arange(rows) * 3, np.arange(cols))).astype(np.uint8)
    out = np.full((-(-rows // 4), -(-cols // 4)), IGNORE, np.uint8)
    for label in labels:
        out[rng.integers(len(out)), rng.integers(out.shape[1])] = label
    stem = (-(-rows // 2), -(-cols // 2))
    prior = np.stack([np.add.outer(np.arange(stem[0]), np.zeros(stem[1])), np.full(stem, 0.5)])
    return LabelledSection(image=image, labels=out, prior=prior.astype(np.float16), name=f"s{labels}")


@pytest.fixture
def batches(rng: np.random.Generator) -> AreaBatches:
    big = _section(rng, (2,))
    labels = big.labels.copy()
    labels[2:10, 2:10] = 1
    labels[0, 0] = 7
    big = dataclasses.replace(big, labels=labels)
    return AreaBatches(sections=[big, _section(rng, (1, 2))], grid=GRID, normalisation=UNIT, batch=300, seed=2)


def _padded(array: np.ndarray, fill: float) -> np.ndarray:
    widths = [(0, 0)] * (array.ndim - 2) + [(40, 40), (40, 40)]
    return np.pad(array.astype(float), widths, constant_values=fill)


def test_windows_show_the_same_place_on_all_three_grids(batches: AreaBatches):
    batch = batches.get(0)
    for i, (index, row, col) in enumerate(batch.places.tolist()):
        section = batches.sections[index]
        assert section.prior is not None
        for got, whole, fill, top, left, side in (
            (batch.image[i, 0], section.image, 255, 4 * row - 3, 4 * col - 3, 24),
            (batch.labels[i], section.labels, IGNORE, row, col, 4),
            (batch.atlas[i], section.prior, 0, 2 * row - 1, 2 * col - 1, 10),
        ):
            want = _padded(whole, fill)[..., top + 40 : top + 40 + side, left + 40 : left + 40 + side]
            np.testing.assert_allclose(got.numpy(), want, atol=1e-3)


def test_every_window_holds_a_labelled_pixel(batches: AreaBatches):
    labels = batches.get(0).labels
    assert ((labels != IGNORE).flatten(1).sum(dim=1) > 0).all()
    assert (dataclasses.replace(batches, classes_even=False).get(0).labels != IGNORE).flatten(1).any(dim=1).all()


def test_even_classes_show_rare_ones_as_often_and_random_windows_do_not(batches: AreaBatches):
    def share(which: AreaBatches) -> float:
        return float((which.get(0).labels == 7).flatten(1).any(dim=1).float().mean())

    assert 0.25 < share(batches) < 0.45
    assert share(dataclasses.replace(batches, classes_even=False)) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("even", [True, False])
def test_classes_come_alike_or_as_often_as_they_are_annotated(even: bool, batches: AreaBatches):
    """Windows of one output pixel show the very pixel that was drawn."""
    grid = dataclasses.replace(GRID, output_px=1)
    many = dataclasses.replace(batches, grid=grid, batch=4000, classes_even=even).get(0)
    every = np.concatenate([section.labels[section.labels != IGNORE] for section in batches.sections])
    classes, counts = np.unique(every, return_counts=True)
    expected = np.full(len(classes), 1 / len(classes)) if even else counts / counts.sum()
    drawn = np.array([(many.labels == int(label)).float().mean() for label in classes])
    assert drawn.sum() == pytest.approx(1)
    np.testing.assert_allclose(drawn, expected, atol=4 * np.sqrt(0.25 / 4000))


def test_the_labelled_pixel_falls_anywhere_in_the_window(batches: AreaBatches):
    labels = batches.get(0).labels
    seen = torch.nonzero((labels == 7).any(dim=0))
    assert len(seen) == 16


def test_batches_depend_on_seed_and_step_alone(batches: AreaBatches):
    def equal(a: AreaBatch, b: AreaBatch) -> bool:
        return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))

    augmented = dataclasses.replace(batches, augmentation=Augmentation(mirror=0.5, gain=0.1))
    third = augmented.get(3)
    augmented.get(0)
    assert equal(augmented.get(3), third)
    assert not equal(augmented.get(4), third)
    assert not equal(dataclasses.replace(augmented, seed=3).get(3), third)


def test_mirroring_turns_image_labels_and_prior_about_one_point(batches: AreaBatches):
    plain = batches.get(0)
    turned = dataclasses.replace(batches, augmentation=Augmentation(mirror=1.0)).get(0)
    for name in ("labels", "atlas"):
        assert torch.equal(getattr(turned, name), getattr(plain, name).flip(-1))
    # the window reaches 3 px before the output square and 5 behind it, mirrored or not: both show 3 of each side
    assert torch.equal(turned.image[..., :22], plain.image[..., :22].flip(-1))


def test_quarter_turns_are_exact_on_all_three_grids(batches: AreaBatches):
    plain = batches.get(0)
    turned = dataclasses.replace(batches, augmentation=Augmentation(quarter_turns=True)).get(0)
    seen = set()
    for i in range(len(plain.image)):
        candidates = [
            k for k in range(4) if torch.equal(turned.image[i, 0, :22, :22], plain.image[i, 0, :22, :22].rot90(k))
        ]
        assert len(candidates) == 1 or not plain.image[i].std() > 0
        (k, *_) = candidates
        seen.add(k)
        assert torch.equal(turned.labels[i], plain.labels[i].rot90(k))
        assert torch.equal(turned.atlas[i], plain.atlas[i].rot90(k, (-2, -1)))
    assert seen == {0, 1, 2, 3}


def test_a_turned_window_still_shows_its_section_at_one_place_on_all_grids(batches: AreaBatches):
    """The image tells row + col and the prior its row: together they tell place and angle of each window."""
    labels = np.full((30, 30), IGNORE, np.uint8)
    labels[15, 15] = 1  # far from the rim
    section = LabelledSection(
        image=np.add.outer(np.arange(120), np.arange(120)).astype(np.uint8),
        labels=labels,
        prior=np.tile(np.arange(60, dtype=np.float16)[:, None], (1, 1, 60)),
    )
    turning = Augmentation(rotation_deg=180, mirror=0.5)
    batch = dataclasses.replace(batches, sections=[section], augmentation=turning, batch=60).get(0)
    angles = []
    for image, atlas, (_, row, col) in zip(batch.image[:, 0], batch.atlas[:, 0], batch.places.tolist(), strict=True):
        assert float(image[3:19, 3:19].mean()) == pytest.approx(4 * row + 4 * col + 15, abs=1e-2)
        assert float(atlas[1:9, 1:9].mean()) == pytest.approx(2 * row + 3.5, abs=1e-2)
        cos, both = float((atlas[5] - atlas[4]).mean()), float((image[11] - image[10]).mean())
        assert (both - cos) ** 2 + cos**2 == pytest.approx(1, abs=1e-3)  # both = cos + sin
        angles.append(np.degrees(np.arctan2(both - cos, cos)))
    assert np.histogram(angles, bins=4, range=(-180, 180))[0].min() > 5


@pytest.mark.parametrize("changes", [{"rotation_deg": 180}, {"rotation_deg": 30, "mirror": 0.5, "quarter_turns": True}])
def test_a_turned_window_still_shows_the_pixel_it_was_drawn_for_anywhere(batches: AreaBatches, changes: dict):
    """A block of 3 x 3 labelled pixels: nearest labels of a turned window cannot pass it by."""
    labels = np.full((30, 30), IGNORE, np.uint8)
    labels[14:17, 14:17] = 1
    section = LabelledSection(image=np.zeros((120, 120), np.uint8), labels=labels)
    grid = dataclasses.replace(GRID, image_px=40, output_px=8)
    turning = dataclasses.replace(batches, sections=[section], grid=grid, augmentation=Augmentation(**changes))
    shown = turning.get(0).labels == 1
    assert shown.flatten(1).any(dim=1).float().mean() > 0.99
    often = shown.float().mean(dim=0)
    assert often.min() > 0


def test_blurring_leaves_labels_and_prior_alone(batches: AreaBatches):
    plain, blurred = batches.get(0), dataclasses.replace(batches, augmentation=Augmentation(blur_px=2.0)).get(0)
    assert torch.equal(plain.labels, blurred.labels)
    assert torch.equal(plain.atlas, blurred.atlas)
    assert not torch.equal(plain.image, blurred.image)


def test_of_large_sections_a_lattice_of_pixels_is_drawn_for(batches: AreaBatches, monkeypatch: pytest.MonkeyPatch):
    every = {tuple(pixel) for pool in batches._pixels for pixel in pool.tolist()}
    size = batches.sections[0].labels.size
    monkeypatch.setattr(area_batches, "POOLED_PX", size // 5)  # a step of 3 along each axis
    some = {tuple(pixel) for pool in dataclasses.replace(batches)._pixels for pixel in pool.tolist()}
    assert some == {(section, row, col) for section, row, col in every if row % 3 == 0 and col % 3 == 0}


def test_a_coarse_prior_gives_the_batches_of_its_fine_grid(batches: AreaBatches, rng: np.random.Generator):
    turned = batches.augmentation.model_copy(update={"mirror": 0.5, "quarter_turns": True, "rotation_deg": 180.0})
    coarse, dense = [], []
    for section in batches.sections:
        rows, cols = section.prior.shape[1:]
        prior = Prior(
            coarse=rng.uniform(size=(2, 9, 9)).astype(np.float16), ratio=9 / max(rows, cols), fine_px=(rows, cols)
        )
        coarse.append(dataclasses.replace(section, prior=prior))
        dense.append(dataclasses.replace(section, prior=prior[..., :, :]))
    for augmentation in (batches.augmentation, turned):
        one, other = (
            dataclasses.replace(batches, sections=sections, augmentation=augmentation).get(3)
            for sections in (coarse, dense)
        )
        assert one.atlas.any()
        torch.testing.assert_close(one.atlas, other.atlas, rtol=0, atol=1e-6)


def test_sections_without_a_prior_give_an_atlas_of_no_areas(batches: AreaBatches):
    bare = [dataclasses.replace(section, prior=None) for section in batches.sections]
    assert dataclasses.replace(batches, sections=bare).get(0).atlas.shape == (300, 0, 10, 10)


def test_labels_on_another_grid_are_refused(batches: AreaBatches):
    section = batches.sections[0]
    broken = dataclasses.replace(section, labels=section.labels[:-1])
    with pytest.raises(ValueError, match=r"labels of s.* must lie on the output grid.*\[16, 13\], got \[15, 13\]"):
        dataclasses.replace(batches, sections=[broken])


def test_a_prior_on_another_grid_is_refused(batches: AreaBatches):
    section = batches.sections[0]
    assert section.prior is not None
    broken = dataclasses.replace(section, prior=section.prior[:, :-1])
    with pytest.raises(ValueError, match=r"prior of s.* must lie on the stem's grid.*\[31, 25\], got \[30, 25\]"):
        dataclasses.replace(batches, sections=[broken])


def test_priors_over_different_areas_are_refused(batches: AreaBatches):
    bare = dataclasses.replace(batches.sections[0], prior=None)
    with pytest.raises(ValueError, match="priors over the same areas"):
        dataclasses.replace(batches, sections=[bare, batches.sections[1]])


def test_sections_without_any_label_are_refused(batches: AreaBatches):
    section = batches.sections[0]
    empty = dataclasses.replace(section, labels=np.full_like(section.labels, IGNORE))
    with pytest.raises(ValueError, match="at least one pixel must be labelled"):
        dataclasses.replace(batches, sections=[empty])


def test_the_prior_is_displaced_by_up_to_the_shift_and_nothing_else_is(batches: AreaBatches):
    shifted = dataclasses.replace(batches, augmentation=Augmentation(prior_shift_px=2))
    still, moved = batches.get(0), shifted.get(0)
    np.testing.assert_array_equal(moved.labels, still.labels)
    np.testing.assert_array_equal(moved.image, still.image)
    offsets = set()
    for i, (index, row, col) in enumerate(moved.places.tolist()):
        prior = batches.sections[index].prior
        assert prior is not None
        whole = _padded(prior, 0)
        for down in range(-3, 4):
            for right in range(-3, 4):
                top, left = 40 + 2 * row - 1 + down, 40 + 2 * col - 1 + right
                if np.array_equal(moved.atlas[i], whole[:, top : top + 10, left : left + 10]) and prior.any():
                    offsets.add(down)
    # the prior tells its row and not its column: the rows found are exactly those allowed
    assert offsets == {-2, -1, 0, 1, 2}
