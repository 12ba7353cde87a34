import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gennari.data.pack import open_pack, write_pack
from gennari.data.patch_images import ImagesInMemory
from gennari.errors import InputError
from gennari.execute import Tick

KEY = "32 µm"


class Watched(ImagesInMemory):
    """Says when it is read."""

    def read(self, rows: np.ndarray) -> np.ndarray:
        if (self.images == 77).all():
            raise InputError("section 7 must hold whole chunks")
        return super().read(rows)


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (21, 16, 16), dtype=np.uint8)


def parts(images: np.ndarray, length: int = 8) -> list[ImagesInMemory]:
    return [Watched(images=images[k : k + length]) for k in range(0, len(images), length)]


@pytest.fixture
def path(images: np.ndarray, tmp_path: Path) -> Path:
    write_pack(tmp_path / "p.zarr", parts(images), KEY)
    return tmp_path / "p.zarr"


def shards(pack: Path) -> list[Path]:
    return sorted(file for file in (pack / "images/c").rglob("*") if file.is_file())


def test_images_are_read_in_the_order_asked_for(images: np.ndarray, path: Path) -> None:
    packed = open_pack(path, KEY)
    assert (len(packed), packed.side_px) == (21, 16)
    which = np.array([20, 0, 7, 8, 8, 13])
    np.testing.assert_array_equal(packed.read(which), images[which])
    np.testing.assert_array_equal(packed.read(np.arange(21)), images)
    assert packed.read(np.array([], int)).shape == (0, 16, 16)


def test_a_shard_holds_a_part(path: Path) -> None:
    assert len(shards(path)) == 3
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.slow
def test_workers_write_what_one_writes(images: np.ndarray, path: Path, tmp_path: Path) -> None:
    held = [ImagesInMemory(images=part.images) for part in parts(images)]  # a spawned process knows the library only
    write_pack(tmp_path / "q.zarr", held, KEY, workers=2)
    for one, other in zip(shards(path), shards(tmp_path / "q.zarr"), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_pickled_pack_reads_the_same_and_carries_no_handle(path: Path) -> None:
    packed = open_pack(path, KEY)
    fresh = len(pickle.dumps(packed))
    before = packed.read(np.arange(4))
    assert len(pickle.dumps(packed)) == fresh
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(packed)).read(np.arange(4)), before)


def _interrupted(images: np.ndarray, path: Path, key: str = KEY) -> None:
    def stop(tick: Tick) -> None:
        if tick.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pack(path, parts(images), key, tick=stop)
    assert not path.exists()


def test_an_interrupted_pack_goes_on_with_the_shards_that_are_left(images: np.ndarray, tmp_path: Path) -> None:
    _interrupted(images, tmp_path / "p.zarr")
    (unfinished,) = tmp_path.iterdir()
    os.truncate(unfinished / "images/c/0/0/0", 40)  # not written again, so the damage must still be there
    ticks: list[Tick] = []
    write_pack(tmp_path / "p.zarr", parts(images), KEY, tick=ticks.append)
    assert [(tick.done, tick.total, tick.note) for tick in ticks] == [(1, 1, "shard 2")]
    np.testing.assert_array_equal(open_pack(tmp_path / "p.zarr", KEY).read(np.arange(8, 21)), images[8:])
    with pytest.raises(InputError, match="one is damaged"):
        open_pack(tmp_path / "p.zarr", KEY).read(np.arange(8))


@pytest.mark.parametrize("change", ["key", "images", "shards"])
def test_what_was_begun_for_other_images_is_not_used(change: str, images: np.ndarray, tmp_path: Path) -> None:
    _interrupted(images, tmp_path / "p.zarr", "16 µm" if change == "key" else KEY)
    new = {"key": parts(255 - images), "images": parts(255 - images[:20]), "shards": parts(255 - images, 4)}[change]
    write_pack(tmp_path / "p.zarr", new, KEY)
    packed = open_pack(tmp_path / "p.zarr", KEY)
    np.testing.assert_array_equal(packed.read(np.arange(len(packed))), 255 - images[: len(packed)])


def test_a_part_that_cannot_be_read_does_not_stop_the_others(images: np.ndarray, tmp_path: Path) -> None:
    damaged = images.copy()
    damaged[8:16] = 77
    with pytest.raises(InputError, match=r"1 of 3 pack shards failed.*shard 1: section 7 must hold whole chunks"):
        write_pack(tmp_path / "p.zarr", parts(damaged), KEY)
    ticks: list[Tick] = []
    write_pack(tmp_path / "p.zarr", parts(images), KEY, tick=ticks.append)
    assert len(ticks) == 1


def test_an_old_pack_is_replaced_as_a_whole(images: np.ndarray, path: Path) -> None:
    write_pack(path, parts(255 - images[:9]), "other")
    packed = open_pack(path, "other")
    np.testing.assert_array_equal(packed.read(np.arange(9)), 255 - images[:9])
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("lengths", [[], [8, 7, 8], [8, 9], [8, 0]])
def test_parts_must_fill_their_shards(lengths: list[int], tmp_path: Path) -> None:
    uneven = [ImagesInMemory(images=np.ones((n, 16, 16), np.uint8)) for n in lengths]
    with pytest.raises(ValueError, match="equally many images each"):
        write_pack(tmp_path / "p.zarr", uneven, KEY)
    mixed = [ImagesInMemory(images=np.ones((2, side, side), np.uint8)) for side in (16, 8)]
    with pytest.raises(ValueError, match=r"got \[2, 2\] images of \[8, 16\] px"):
        write_pack(tmp_path / "p.zarr", mixed, KEY)
    assert list(tmp_path.iterdir()) == []


def test_black_images_are_stored_and_a_lost_shard_is_not_taken_for_them(images: np.ndarray, tmp_path: Path) -> None:
    images[8:16] = 0
    write_pack(tmp_path / "p.zarr", parts(images), KEY)
    np.testing.assert_array_equal(open_pack(tmp_path / "p.zarr", KEY).read(np.arange(21)), images)
    shards(tmp_path / "p.zarr")[1].unlink()
    packed = open_pack(tmp_path / "p.zarr", KEY)
    np.testing.assert_array_equal(packed.read(np.arange(8)), images[:8])
    with pytest.raises(InputError, match="must hold whole images, but one is damaged"):
        packed.read(np.array([3, 9]))


def test_an_image_that_is_not_there_is_refused(path: Path) -> None:
    for which in ([-1], [21]):
        with pytest.raises(ValueError, match="0 <= row < 21"):
            open_pack(path, KEY).read(np.array(which))


def test_a_missing_other_or_half_written_pack_is_named(path: Path) -> None:
    with pytest.raises(InputError, match="must be a pack of patches, but there is none"):
        open_pack(path.with_name("q.zarr"), KEY)
    with pytest.raises(InputError, match="was packed from other ones"):
        open_pack(path, "16 µm")
    shard = path / "images" / "c" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(InputError, match="must hold whole images, but one is damaged"):
        open_pack(path, KEY).read(np.arange(4))
    shutil.rmtree(path / "images")
    with pytest.raises(InputError, match="it cannot be opened"):
        open_pack(path, KEY).read(np.arange(4))
    (path / "zarr.json").write_text('{"attributes": {')
    with pytest.raises(InputError, match="its index is damaged"):
        open_pack(path, KEY)


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from gennari.data.pack import write_pack
from gennari.data.patch_images import ImagesInMemory

images = np.load(sys.argv[1])
parts = [ImagesInMemory(images=images[k : k + 8]) for k in range(0, len(images), 8)]
write_pack(Path(sys.argv[2]), parts, "32 µm", tick=lambda tick: tick.done == 2 and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
def test_a_killed_pack_goes_on_too(images: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", images)
    path = tmp_path / "packs" / "p.zarr"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "images.npy"), str(path)]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == -signal.SIGKILL
    assert not path.exists()
    ticks: list[Tick] = []
    write_pack(path, parts(images), KEY, tick=ticks.append)
    assert len(ticks) == 1
    np.testing.assert_array_equal(open_pack(path, KEY).read(np.arange(21)), images)
    assert list(path.parent.iterdir()) == [path]
