"""Sources of patch images: each patch from its own section, upright, in its row."""

import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from gennari.data import patch_images
from gennari.data.patch_images import ImagesInMemory, ImagesOfParts, PatchImages, SectionImages
from gennari.frames import coronal
from gennari.records import PatchTable, Section, Window
from gennari.sources.flat_images import write_png
from gennari.sources.resample import resample
from gennari.sources.sections import open_section

PLACES = [("P", 2, 0.0), ("A", 1, 90.0), ("P", 2, 180.0), ("P", 1, -90.0), ("P", 2, 0.0)]


def picture(section: Section) -> np.ndarray:
    """What is to be seen on a section; the same whoever asks."""
    seed = [section.id, *section.brain.encode()]
    return np.random.default_rng(seed).integers(0, 255, section.shape_px, dtype=np.uint8)


@dataclass
class Reader:
    section: Section

    def read(self, window: Window) -> np.ndarray:
        assert (window.brain, window.section) == (self.section.brain, self.section.id)
        image = picture(self.section)
        return resample(lambda r0, r1, c0, c1: image[r0:r1, c0:c1], window, self.section)


def sections() -> list[Section]:
    return [
        Section(brain=brain, id=number, spacing_um=10.0, shape_px=(60, 60), to_brain=coronal(0.0, 0.0, 0.0))
        for brain in ("P", "A")
        for number in (1, 2)
    ]


def table(places: list[tuple[str, int, float]]) -> PatchTable:
    n = len(places)
    columns = {name: np.zeros(n) for name in PatchTable.__dataclass_fields__}
    return PatchTable(
        **columns
        | {
            "brain": np.array([brain for brain, _, _ in places]),
            "section": np.array([number for _, number, _ in places], np.int32),
            "centre_um": np.full((n, 2), 300.0),
            "face": np.zeros(n, np.int32),
            "weights": np.zeros((n, 3)),
            "vertex": np.zeros(n, np.int32),
            "brain_mm": np.zeros((n, 3)),
            "inflated_mm": np.zeros((n, 3)),
            "rotation_deg": np.array([rotation for _, _, rotation in places]),
        }
    )


def source(places: list[tuple[str, int, float]] = PLACES, side_px: int = 8) -> SectionImages:
    return SectionImages(
        patches=table(places), sections=sections(), open_reader=Reader, side_px=side_px, spacing_um=10.0
    )


def expected(row: int) -> np.ndarray:
    brain, number, rotation = PLACES[row]
    (section,) = (s for s in sections() if (s.brain, s.id) == (brain, number))
    return np.rot90(picture(section)[26:34, 26:34], -round(rotation / 90))


def test_each_patch_comes_from_its_section_turned_upright_in_its_row() -> None:
    rows = np.array([3, 0, 2, 2, 1])
    for place, image in enumerate(source().read(rows)):
        np.testing.assert_array_equal(image, expected(rows[place]))


def test_a_section_is_opened_once_and_read_in_one_go() -> None:
    opened: list[tuple[str, int]] = []

    def open_reader(section: Section) -> Reader:
        opened.append((section.brain, section.id))
        return Reader(section)

    images = replace(source(), open_reader=open_reader)
    images.read(np.arange(5))
    images.read(np.arange(5))
    assert opened == [("A", 1), ("P", 1), ("P", 2)]


def test_only_so_many_sections_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_images, "OPEN_READERS", 2)
    images = source()
    for row in (1, 3, 0):
        np.testing.assert_array_equal(images.read(np.array([row]))[0], expected(row))
    assert list(images._open) == [("P", 1), ("P", 2)]


def test_images_that_are_decoded_as_a_whole_stay_only_as_far_as_memory_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for section in sections():
        write_png(tmp_path / f"{section.brain}{section.id}.png", picture(section))
    images = replace(
        source(), open_reader=lambda section: open_section(tmp_path / f"{section.brain}{section.id}.png", section)
    )
    for held, left in ((2 * 3600, [("P", 1), ("P", 2)]), (3600, [("P", 2)]), (0, [("P", 2)])):
        monkeypatch.setattr(patch_images, "HELD_BYTES", held)
        for row in (1, 3, 0):
            np.testing.assert_array_equal(images.read(np.array([row]))[0], expected(row))
        assert list(images._open) == left


def test_a_pickled_source_reads_the_same_and_carries_no_reader() -> None:
    images = source()
    fresh = len(pickle.dumps(images))
    before = images.read(np.arange(5))
    assert len(pickle.dumps(images)) == fresh
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(images)).read(np.arange(5)), before)


def test_parts_are_the_whole_in_its_order_and_know_only_their_sections() -> None:
    images = source()
    parts = images.parts(2)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [len(part.sections) for part in parts] == [2, 2, 1]
    read = np.concatenate([part.read(np.arange(len(part))) for part in parts])
    np.testing.assert_array_equal(read, images.read(np.arange(5)))


def test_the_key_tells_other_pixels() -> None:
    key = source().key
    assert source().key == key
    moved = source()
    moved.patches.centre_um[3, 1] += 1.0
    others = [source(side_px=10), replace(source(), spacing_um=20.0), source(PLACES[:4]), source(PLACES[::-1]), moved]
    assert len({key, *(other.key for other in others)}) == 6


def test_a_patch_of_an_unknown_section_is_refused() -> None:
    with pytest.raises(ValueError, match="but 9 of P is not among them"):
        source([("P", 9, 0.0)])


@pytest.mark.parametrize("images", [source(), ImagesInMemory(images=np.zeros((5, 8, 8), np.uint8))])
def test_an_image_that_is_not_there_is_refused(images: PatchImages) -> None:
    for rows in ([-1], [5]):
        with pytest.raises(ValueError, match="0 <= row < 5"):
            images.read(np.array(rows))


def test_memory_holds_what_its_source_gives() -> None:
    held = ImagesInMemory.of(source())
    assert (len(held), held.side_px) == (5, 8)
    np.testing.assert_array_equal(held.read(np.array([4, 1])), source().read(np.array([4, 1])))


def test_no_patches_are_no_images() -> None:
    assert source([]).read(np.array([], int)).shape == (0, 8, 8)
    assert source([]).parts(3) == []


def test_images_of_parts_are_those_of_their_sources_in_any_order(rng: np.random.Generator) -> None:
    one, other = (ImagesInMemory(images=rng.integers(0, 255, (n, 4, 4)).astype(np.uint8)) for n in (5, 7))
    parts = ImagesOfParts(parts=((one, np.array([4, 0])), (other, np.array([6, 2, 2]))))
    expected = [one.images[4], one.images[0], other.images[6], other.images[2], other.images[2]]
    assert (len(parts), parts.side_px) == (5, 4)
    rows = np.array([3, 0, 4, 1, 2, 0])
    np.testing.assert_array_equal(parts.read(rows), [expected[row] for row in rows])
    assert len(parts.read(np.zeros(0, int))) == 0
    with pytest.raises(ValueError, match="0 <= row < 5"):
        parts.read(np.array([5]))


def test_parts_of_different_sizes_are_refused() -> None:
    small, large = (ImagesInMemory(images=np.zeros((2, side, side), np.uint8)) for side in (4, 8))
    with pytest.raises(ValueError, match=r"images of one size, got sides of \[4, 8\] px"):
        ImagesOfParts(parts=((small, np.arange(2)), (large, np.arange(2))))
