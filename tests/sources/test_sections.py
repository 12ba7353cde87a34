import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import LabelSet, Section, Window
from gennari.sources.resample import area_mean
from gennari.sources.sections import open_section, read_full, read_labels, write_labels, write_ome_zarr


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    pixels = rng.integers(0, 255, (1100, 1301), dtype=np.uint8)
    pixels[:520] = 255
    return pixels


@pytest.fixture
def path(image: np.ndarray, tmp_path: Path) -> Path:
    write_ome_zarr(tmp_path / "7.ome.zarr", image, 32.0, levels=3)
    return tmp_path / "7.ome.zarr"


@pytest.fixture
def section(image: np.ndarray) -> Section:
    return Section(brain="A", id=7, spacing_um=32.0, shape_px=image.shape, to_brain=coronal(0.0, 0.0, 0.0))


def whole(image: np.ndarray, spacing_um: float, **changes: object) -> Window:
    size = tuple(-(-n * 32 // int(spacing_um)) for n in image.shape)
    base = {"brain": "A", "section": 7, "size_px": size, "spacing_um": spacing_um}
    centre = (size[0] * spacing_um / 2, size[1] * spacing_um / 2)
    return Window(**(base | {"centre_um": centre} | changes))


def test_a_reader_of_the_format_finds_what_was_written(image: np.ndarray, path: Path) -> None:
    group = zarr.open_group(path, mode="r")
    multiscale = group.attrs["ome"]["multiscales"][0]
    assert group.attrs["ome"]["version"] == "0.5"
    assert [axis["unit"] for axis in multiscale["axes"]] == ["micrometer"] * 2
    for level, dataset in enumerate(multiscale["datasets"]):
        scale, shift = dataset["coordinateTransformations"]
        assert scale["scale"] == [32.0 * 2**level] * 2
        assert shift["translation"] == [16.0 * (2**level - 1)] * 2
        np.testing.assert_array_equal(group[dataset["path"]][:], area_mean(image, 2**level))


def test_chunks_of_empty_glass_are_not_stored(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "a.ome.zarr", np.full((600, 600), 255, np.uint8), 32.0, levels=1)
    assert {file.name for file in tmp_path.rglob("*") if file.is_file()} == {"zarr.json"}
    np.testing.assert_array_equal(read_full(tmp_path / "a.ome.zarr", 32.0), 255)


@pytest.mark.parametrize("spacing", [32.0, 64.0, 96.0, 128.0, 256.0])
def test_a_whole_section_is_read_at_any_multiple(image: np.ndarray, path: Path, spacing: float) -> None:
    got = read_full(path, spacing).astype(int)
    expected = area_mean(image, int(spacing // 32)).astype(int)
    assert np.abs(got - expected).max() <= (0 if spacing <= 128 else 1)  # twice rounded beyond the pyramid


def test_a_spacing_between_is_refused(path: Path) -> None:
    for spacing in (40.0, 16.0):
        with pytest.raises(InputError, match=rf"multiple of its own pixel size \(32 µm\), got {spacing:g}"):
            read_full(path, spacing)


@pytest.mark.parametrize("spacing", [32.0, 64.0, 128.0])
def test_the_reader_gives_each_level_exactly(image: np.ndarray, path: Path, section: Section, spacing: float) -> None:
    got = open_section(path, section).read(whole(image, spacing))
    np.testing.assert_array_equal(got, area_mean(image, int(spacing // 32)))


def test_a_shifted_window_is_read_from_a_finer_level(image: np.ndarray, path: Path, section: Section) -> None:
    window = Window(brain="A", section=7, centre_um=(608 * 32.0, 608 * 32.0), size_px=(8, 9), spacing_um=128.0)
    got = open_section(path, section).read(window)  # its columns begin half a 128 µm pixel further
    expected = image[592:624, 590:626].reshape(8, 4, 9, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(got, expected, atol=0.51)


def test_a_turned_window_of_a_ramp_keeps_its_slope(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.arange(240, dtype=np.uint8)[:, None], (240, 240)).copy()
    write_ome_zarr(tmp_path / "7.ome.zarr", ramp, 32.0)
    section = Section(brain="A", id=7, spacing_um=32.0, shape_px=ramp.shape, to_brain=coronal(0.0, 0.0, 0.0))
    window = whole(ramp, 32.0, size_px=(40, 40), centre_um=(120 * 32.0, 120 * 32.0), rotation_deg=60.0)
    got = open_section(tmp_path / "7.ome.zarr", section).read(window)
    assert np.diff(got, axis=0).mean() == pytest.approx(0.5, abs=0.02)  # cos 60° along the rows
    assert np.diff(got, axis=1).mean() == pytest.approx(-np.sqrt(0.75), abs=0.02)


def test_a_pickled_reader_reads_the_same_and_carries_no_handle(image: np.ndarray, path: Path, section: Section) -> None:
    reader = open_section(path, section)
    fresh = len(pickle.dumps(reader))
    before = reader.read(whole(image, 64.0))
    assert len(pickle.dumps(reader)) == fresh
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(reader)).read(whole(image, 64.0)), before)


def test_a_window_of_another_section_is_refused(image: np.ndarray, path: Path, section: Section) -> None:
    with pytest.raises(ValueError, match="section 7 of A got a window of section 8 of A"):
        open_section(path, section).read(whole(image, 32.0, section=8))


def test_an_image_that_is_not_the_sections_is_refused(path: Path, section: Section) -> None:
    with pytest.raises(InputError, match="the brain's index gives section 7"):
        open_section(path, replace(section, spacing_um=16.0))
    with pytest.raises(InputError, match=r"got \(1100, 1301\), 32 µm"):
        open_section(path, replace(section, shape_px=(1100, 1299)))


def test_a_missing_image_and_a_missing_level_are_named(path: Path, section: Section) -> None:
    with pytest.raises(InputError, match=r"8\.ome\.zarr/zarr\.json must be a file, but there is none"):
        open_section(path.with_name("8.ome.zarr"), section)
    shutil.rmtree(path / "0")
    with pytest.raises(InputError, match="must be a zarr array, but it cannot be opened"):
        read_full(path, 32.0)


def test_a_half_written_shard_is_refused(image: np.ndarray, path: Path, section: Section) -> None:
    shard = path / "0" / "c" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    with pytest.raises(InputError, match="must hold whole chunks, but one is damaged"):
        read_full(path, 32.0)
    with pytest.raises(InputError, match="must hold whole chunks, but one is damaged"):
        open_section(path, section).read(whole(image, 32.0))


def test_a_level_without_scale_is_refused(path: Path) -> None:
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"] = [{"type": "identity"}]
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="must begin with a scale, got identity"):
        read_full(path, 32.0)


def test_labels_come_back_with_names_and_colours(label_set: LabelSet, tmp_path: Path, rng: np.random.Generator) -> None:
    labels = rng.choice(np.array([0, 1, 2, 3, 255], np.uint8), (50, 61))
    write_labels(tmp_path / "7.ome.zarr", labels, 128.0, label_set, levels=2)
    got, spacing = read_labels(tmp_path / "7.ome.zarr")
    np.testing.assert_array_equal(got, labels)
    assert spacing == 128.0
    group = zarr.open_group(tmp_path / "7.ome.zarr", mode="r")
    np.testing.assert_array_equal(group["1"][:], labels[1::2, 1::2])
    described = group.attrs["ome"]["image-label"]
    assert described["properties"][2] == {"label-value": 2, "name": "hOc1"}
    assert described["colors"][2] == {"label-value": 2, "rgba": [255, 0, 0, 255]}
