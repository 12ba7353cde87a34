from dataclasses import dataclass

import numpy as np
import pytest

from gennari.data.pixels import Normalisation, read_patch_images
from gennari.execute import Tick
from gennari.frames import coronal
from gennari.records import PatchTable, Section, Window
from gennari.sources.resample import resample


@dataclass
class Reader:
    image: np.ndarray
    section: Section

    def read(self, window: Window) -> np.ndarray:
        assert (window.brain, window.section) == (self.section.brain, self.section.id)
        return resample(lambda r0, r1, c0, c1: self.image[r0:r1, c0:c1], window, self.section)


def sections() -> list[Section]:
    return [
        Section(brain=brain, id=number, spacing_um=10.0, shape_px=(60, 60), to_brain=coronal(0.0, 0.0, 0.0))
        for brain in ("P", "A")
        for number in (1, 2)
    ]


def opens_nothing(section: Section) -> Reader:
    raise AssertionError(f"section {section.id} is not to be opened")


def table(places: list[tuple[str, int, float]]) -> PatchTable:
    n = len(places)
    zeros = np.zeros((n, 3))
    return PatchTable(
        brain=np.array([brain for brain, _, _ in places]),
        section=np.array([number for _, number, _ in places], np.int32),
        side=np.zeros(n, np.int8),
        centre_um=np.full((n, 2), 300.0),
        face=np.zeros(n, np.int32),
        weights=zeros,
        vertex=np.zeros(n, np.int32),
        brain_mm=zeros,
        inflated_mm=zeros,
        plane_angle_deg=zeros[:, 0],
        rotation_deg=np.array([rotation for _, _, rotation in places]),
        curvature_per_mm=zeros[:, 0],
        other_sheet_mm=zeros[:, 0],
        tissue_share=zeros[:, 0],
        split=np.full(n, "train"),
    )


def test_each_patch_comes_from_its_section_turned_upright_in_its_row(rng: np.random.Generator) -> None:
    images = {(s.brain, s.id): rng.integers(0, 255, (60, 60), dtype=np.uint8) for s in sections()}
    opened: list[tuple[str, int]] = []

    def open_reader(section: Section) -> Reader:
        opened.append((section.brain, section.id))
        return Reader(images[section.brain, section.id], section)

    places = [("P", 2, 0.0), ("A", 1, 90.0), ("P", 2, 180.0), ("P", 1, -90.0)]
    ticks: list[Tick] = []
    got = read_patch_images(open_reader, table(places), sections(), 8, 10.0, ticks.append)
    for row, (brain, number, rotation) in enumerate(places):
        block = images[brain, number][26:34, 26:34]
        np.testing.assert_array_equal(got[row], np.rot90(block, -round(rotation / 90)))
    assert opened == [("P", 2), ("A", 1), ("P", 1)]
    assert [tick.done for tick in ticks] == [2, 3, 4]
    assert {tick.total for tick in ticks} == {4}


def test_a_patch_of_an_unknown_section_is_refused() -> None:
    with pytest.raises(ValueError, match="but 9 of P is not among them"):
        read_patch_images(opens_nothing, table([("P", 9, 0.0)]), sections(), 8, 10.0, lambda tick: None)


def test_no_patches_are_no_images() -> None:
    got = read_patch_images(opens_nothing, table([]), sections(), 8, 10.0, lambda tick: None)
    assert got.shape == (0, 8, 8)


def test_the_normalisation_is_that_of_numpy(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (5, 7, 9), dtype=np.uint8)
    got = Normalisation.from_images(images)
    assert got.mean == pytest.approx((images / 255).mean())
    assert got.std == pytest.approx((images / 255).std())


def test_images_of_one_grey_value_cannot_be_normalised() -> None:
    with pytest.raises(ValueError, match=r"positive std, got .*, 0\.0"):
        Normalisation.from_images(np.full((2, 3, 3), 255, np.uint8))
