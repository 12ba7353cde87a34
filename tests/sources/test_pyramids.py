from dataclasses import dataclass, field

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section, Window
from gennari.sources import pyramids
from gennari.sources.pyramids import Level, Pyramid, PyramidReader, check_block, multiple, whole_multiple
from gennari.sources.resample import area_mean


@dataclass
class Stored:
    """A pyramid in memory that counts what is fetched."""

    image: np.ndarray
    factors: tuple[int, ...] = (1, 4)
    rounded_down: bool = False
    fetched: list[tuple[int, int]] = field(default_factory=list)

    def open(self, location: str) -> Pyramid:
        del location
        return Pyramid(levels=tuple(self.level(factor) for factor in self.factors), spacing_um=2.0)

    def level(self, factor: int) -> Level:
        pixels = area_mean(self.image, factor)
        if self.rounded_down:
            pixels = pixels[: self.image.shape[0] // factor, : self.image.shape[1] // factor]

        def fetch(r0: int, r1: int, c0: int, c1: int) -> np.ndarray:
            assert 0 <= r0 < r1 <= pixels.shape[0]
            assert 0 <= c0 < c1 <= pixels.shape[1]
            self.fetched.append((factor, (r1 - r0) * (c1 - c0)))
            return pixels[r0:r1, c0:c1]

        return Level(factor=float(factor), shape_px=pixels.shape, fetch=fetch)

    def reader(self) -> PyramidReader:
        section = Section(brain="A", id=7, spacing_um=2.0, shape_px=self.image.shape, to_brain=coronal(0.0, 0.0, 0.0))
        return PyramidReader(location="here", section=section, open_pyramid=self.open)


@pytest.fixture
def stored(rng: np.random.Generator) -> Stored:
    return Stored(image=rng.integers(0, 256, (101, 131), dtype=np.uint8))


def slowly(image: np.ndarray, ratio: float) -> np.ndarray:
    """Area means by a double loop over overlaps; outside is glass."""
    rows, cols = (int(np.ceil(side / ratio - 1e-9)) for side in image.shape)
    out = np.zeros((rows, cols))
    for i in range(rows):
        for j in range(cols):
            total, covered = 0.0, 0.0
            for r in range(int(i * ratio), min(int(np.ceil((i + 1) * ratio)), image.shape[0])):
                for c in range(int(j * ratio), min(int(np.ceil((j + 1) * ratio)), image.shape[1])):
                    tall = min((i + 1) * ratio, r + 1) - max(i * ratio, r)
                    wide = min((j + 1) * ratio, c + 1) - max(j * ratio, c)
                    total += max(tall, 0) * max(wide, 0) * image[r, c]
                    covered += max(tall, 0) * max(wide, 0)
            out[i, j] = (total + (ratio**2 - covered) * 255) / ratio**2
    return out


@pytest.mark.parametrize("band_px", [2**25, 700])
@pytest.mark.parametrize("spacing_um", [2.0, 6.0, 3.1, 5.0])
def test_a_whole_section_is_averaged_to_any_coarser_spacing(
    spacing_um: float, band_px: int, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyramids, "_BAND_PX", band_px)
    got = stored.reader().whole(spacing_um)
    np.testing.assert_allclose(got, slowly(stored.image, spacing_um / 2.0), atol=0.51)
    assert max(count for _, count in stored.fetched) <= max(band_px + 131 * 12, 0)


@pytest.mark.parametrize(("spacing_um", "level"), [(2.0, 1), (6.0, 1), (8.0, 4), (24.0, 4), (15.0, 1), (17.0, 4)])
def test_the_coarsest_level_that_serves_is_read(spacing_um: float, level: int, stored: Stored) -> None:
    # one whose pixels fill those asked for, else one at least twice as fine
    got = stored.reader().whole(spacing_um)
    assert {factor for factor, _ in stored.fetched} == {level}
    expected = slowly(area_mean(stored.image, level), spacing_um / 2.0 / level)
    np.testing.assert_allclose(got, expected[: got.shape[0], : got.shape[1]], atol=0.51)


@pytest.mark.parametrize("spacing_um", [2.0, 3.0, 6.0, 8.0, 11.0])
@pytest.mark.parametrize("rounded_down", [False, True])
def test_a_part_is_a_part_of_the_whole(spacing_um: float, rounded_down: bool, rng: np.random.Generator) -> None:
    reader = Stored(rng.integers(0, 256, (101, 131), dtype=np.uint8), rounded_down=rounded_down).reader()
    whole = reader.whole(spacing_um)
    for _ in range(20):
        (top, bottom), (left, right) = (np.sort(rng.choice(side + 1, 2, replace=False)) for side in whole.shape)
        part = reader.part(spacing_um, slice(int(top), int(bottom)), slice(int(left), int(right)))
        # windows that begin elsewhere are summed in another order: a value may be rounded the other way
        assert np.abs(part.astype(int) - whole[top:bottom, left:right]).max() <= (0 if spacing_um % 2 == 0 else 1)


def test_a_finer_spacing_than_the_sections_own_is_refused(stored: Stored) -> None:
    with pytest.raises(InputError, match=r"its own pixel size \(2 µm\) or coarser, got 1 µm for here"):
        stored.reader().whole(1.0)


def test_levels_that_were_rounded_down_leave_glass_at_the_edge(rng: np.random.Generator) -> None:
    stored = Stored(image=rng.integers(0, 100, (101, 131), dtype=np.uint8), rounded_down=True)
    got = stored.reader().whole(8.0)
    assert got.shape == (26, 33)
    np.testing.assert_array_equal(got[:25, :32], area_mean(stored.image, 4)[:25, :32])
    assert (got[25:] == 255).all()
    assert (got[:, 32:] == 255).all()


def test_a_window_of_another_section_is_refused(stored: Stored) -> None:
    window = Window(brain="A", section=8, centre_um=(20.0, 20.0), size_px=(4, 4), spacing_um=2.0)
    with pytest.raises(ValueError, match="section 7 of A got a window of section 8 of A"):
        stored.reader().read(window)


def test_a_whole_image_by_itself_needs_a_pixel_size_of_its_own(stored: Stored) -> None:
    pyramid = stored.open("here")
    np.testing.assert_array_equal(whole_multiple(pyramid, 8.0, "here"), area_mean(stored.image, 4))
    with pytest.raises(InputError, match="here must say its pixel size to be read by itself"):
        whole_multiple(Pyramid(levels=pyramid.levels, spacing_um=None), 8.0, "here")


def test_multiples_are_whole_numbers() -> None:
    assert multiple(32.0, 8.0) == 4
    assert multiple(3 * 21.1666667, 21.1666667) == 3
    assert multiple(8.0, 32.0) == multiple(40.0, 32.0) == 0


def test_what_is_decoded_at_once_is_limited() -> None:
    check_block((10_000, 10_000), "a tile", "cut it")
    with pytest.raises(InputError, match="at most 100 Mpx are decoded at once, but a tile has 10000 x 10001 px; cut"):
        check_block((10_000, 10_001), "a tile", "cut it")
    with pytest.raises(InputError):
        check_block((2**40, 2**40), "a tile", "cut it")  # no overflow


@pytest.mark.parametrize(
    ("shapes", "spacing_um", "said"),
    [
        ([], 1.0, "levels of 1 to 10,000,000 px a side"),
        ([(0, 5)], 1.0, "levels of 1 to 10,000,000 px a side"),
        ([(5, 5), (10_000_001, 5)], 1.0, "levels of 1 to 10,000,000 px a side"),
        ([(5, 5)], 0.0, "pixel size lies above 0"),
        ([(5, 5)], float("inf"), "pixel size lies above 0"),
        ([(5, 5)], float("nan"), "pixel size lies above 0"),
    ],
)
def test_levels_that_cannot_be_a_sections_are_refused(shapes, spacing_um, said) -> None:
    levels = tuple(
        Level(factor=1.0, shape_px=shape, fetch=lambda *place: np.zeros((1, 1), np.uint8)) for shape in shapes
    )
    with pytest.raises(InputError, match=said):
        Pyramid(levels=levels, spacing_um=spacing_um)
