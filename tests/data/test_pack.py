import pickle
from pathlib import Path

import numpy as np
import pytest

from gennari.data import pack
from gennari.data.pack import open_pack, write_pack
from gennari.errors import InputError


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (21, 16, 12), dtype=np.uint8)


@pytest.fixture
def path(images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pack, "SHARD_IMAGES", 8)
    write_pack(tmp_path / "p.zarr", np.split(images, [3, 3, 15]), np.arange(21) * 10, (16, 12), key="32 µm")
    return tmp_path / "p.zarr"


def test_images_are_read_in_the_order_asked_for(images: np.ndarray, path: Path) -> None:
    packed = open_pack(path)
    assert len(packed) == 21
    assert packed.key == "32 µm"
    np.testing.assert_array_equal(packed.rows, np.arange(21) * 10)
    which = np.array([20, 0, 7, 8, 8, 13])
    np.testing.assert_array_equal(packed.read(which), images[which])
    np.testing.assert_array_equal(packed.read(np.arange(21)), images)
    assert packed.read(np.array([], int)).shape == (0, 16, 12)


def test_a_shard_holds_many_images(path: Path) -> None:
    assert len(list((path / "images" / "c").iterdir())) == 3


def test_a_pickled_pack_reads_the_same_and_carries_no_handle(path: Path) -> None:
    packed = open_pack(path)
    fresh = len(pickle.dumps(packed))
    before = packed.read(np.arange(4))
    assert len(pickle.dumps(packed)) == fresh
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(packed)).read(np.arange(4)), before)


@pytest.mark.parametrize("count", [20, 22])
def test_each_row_needs_its_image_and_nothing_half_stays(images: np.ndarray, tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=rf"one image for each row it is given \({count}\), got 21"):
        write_pack(tmp_path / "p.zarr", [images], np.arange(count), (16, 12))
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_is_not_there_is_refused(path: Path) -> None:
    for which in ([-1], [21]):
        with pytest.raises(ValueError, match="0 <= i < 21"):
            open_pack(path).read(np.array(which))


def test_a_missing_or_half_written_pack_is_named(path: Path) -> None:
    with pytest.raises(InputError, match="must be a pack of patches, but there is none"):
        open_pack(path.with_name("q.zarr"))
    shard = path / "images" / "c" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(InputError, match="must hold whole images, but one is damaged"):
        open_pack(path).read(np.arange(4))
    (path / "zarr.json").write_text('{"attributes": {')
    with pytest.raises(InputError, match="its index is damaged"):
        open_pack(path)
