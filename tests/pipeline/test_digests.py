"""Hashes of images, files and code."""

import os
import shutil

import pytest

from gennari.pipeline.digests import BLOCK, BLOCKS, code_digest, files_digest, image_digest


def test_a_copy_is_the_same_image_whenever_it_was_made(tmp_path):
    (tmp_path / "one.tif").write_bytes(b"pixels")
    shutil.copyfile(tmp_path / "one.tif", tmp_path / "two.tif")
    os.utime(tmp_path / "two.tif", (0, 0))
    assert image_digest(tmp_path / "one.tif") == image_digest(tmp_path / "two.tif")
    (tmp_path / "two.tif").write_bytes(b"pixelz")
    assert image_digest(tmp_path / "one.tif") != image_digest(tmp_path / "two.tif")


@pytest.mark.parametrize("at", [0, BLOCK * 40 - 1])
def test_of_a_large_file_both_ends_are_read_and_a_sample_between(tmp_path, at):
    path = tmp_path / "large.tif"
    path.write_bytes(bytes(BLOCK * 40))
    before = image_digest(path)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"x")
    assert image_digest(path) != before


def test_of_a_large_file_a_mebibyte_is_read(tmp_path, monkeypatch):
    path, read = tmp_path / "large.tif", []
    path.write_bytes(bytes(BLOCK * 40))

    class Counting(type(path)):
        def open(self, *arguments, **more):
            file = super().open(*arguments, **more)
            real = file.read
            return _Reads(file, lambda count: read.append(count) or real(count))

    image_digest(Counting(path))
    assert sum(read) == BLOCK * BLOCKS


class _Reads:
    def __init__(self, file, read) -> None:
        self._file, self.read, self.seek = file, read, file.seek

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def test_a_folder_is_known_by_its_names_sizes_and_a_sample(tmp_path):
    image = tmp_path / "0001.ome.zarr"
    (image / "0").mkdir(parents=True)
    for name in range(40):
        (image / "0" / f"{name:02d}").write_bytes(b"chunk")
    seen = {image_digest(image)}
    (image / "0" / "39").write_bytes(b"chunK")
    seen.add(image_digest(image))
    (image / "0" / "17").write_bytes(b"longer chunk")
    seen.add(image_digest(image))
    (image / "0" / "40").write_bytes(b"chunk")
    seen.add(image_digest(image))
    (image / "0" / "40").rename(image / "0" / "41")
    seen.add(image_digest(image))
    assert len(seen) == 5


def test_a_missing_and_an_empty_image_have_a_hash(tmp_path):
    (tmp_path / "empty").mkdir()
    assert len(image_digest(tmp_path / "none")) == len(image_digest(tmp_path / "empty")) == 64


def test_files_are_known_by_all_their_bytes(tmp_path):
    path = tmp_path / "weights"
    missing = files_digest([path])
    path.write_bytes(bytes(BLOCK * 40))
    before = files_digest([path])
    with path.open("r+b") as file:
        file.seek(BLOCK + 1000)
        file.write(b"x")
    assert len({missing, before, files_digest([path])}) == 3


def test_code_is_known_by_its_modules():
    assert code_digest(["errors.py"]) == code_digest(("errors.py",))
    assert len({code_digest(rooms) for rooms in (["errors.py"], ["frames.py"], ["apply"], ["apply", "errors.py"])}) == 4
