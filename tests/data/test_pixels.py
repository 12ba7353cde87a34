import numpy as np
import pytest

from gennari.data import pixels
from gennari.data.patch_images import ImagesInMemory
from gennari.data.pixels import Normalisation
from gennari.execute import Tick


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (5, 7, 7), dtype=np.uint8)


def test_the_normalisation_is_that_of_numpy_over_the_rows_asked_for(images: np.ndarray, monkeypatch) -> None:
    monkeypatch.setattr(pixels, "PX_AT_ONCE", 100)  # two images a time
    ticks: list[Tick] = []
    rows = np.array([4, 0, 2])
    got = Normalisation.of(ImagesInMemory(images=images), rows, 0, ticks.append)
    assert got.mean == pytest.approx((images[rows] / 255).mean())
    assert got.std == pytest.approx((images[rows] / 255).std())
    assert [(tick.done, tick.total) for tick in ticks] == [(2, 3), (3, 3)]


def test_of_many_images_as_many_as_allowed_are_drawn_by_seed(images: np.ndarray, monkeypatch) -> None:
    monkeypatch.setattr(pixels, "MOST_PX", 150)  # three images
    read: list[int] = []

    class Watched(ImagesInMemory):
        def read(self, rows: np.ndarray) -> np.ndarray:
            read.extend(rows.tolist())
            return super().read(rows)

    watched = Watched(images=images)
    first = Normalisation.of(watched, np.arange(5), 1)
    assert len(set(read)) == len(read) == 3
    assert first == Normalisation.of(watched, np.arange(5), 1)
    assert first.mean == pytest.approx((images[read[:3]] / 255).mean())
    assert len({Normalisation.of(watched, np.arange(5), seed) for seed in range(5)}) > 1


def test_images_of_one_grey_value_cannot_be_normalised() -> None:
    with pytest.raises(ValueError, match=r"positive std, got .*, 0\.0"):
        Normalisation.of(ImagesInMemory(images=np.full((2, 3, 3), 255, np.uint8)), np.arange(2), 0)


def test_no_image_cannot_be_normalised(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least one image, got none"):
        Normalisation.of(ImagesInMemory(images=images), np.arange(0), 0)
