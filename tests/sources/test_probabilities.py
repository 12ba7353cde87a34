import json
from pathlib import Path

import numpy as np
import pytest
import tensorstore as ts
import zarr
from yaozarrs import validate_zarr_store

from gennari.errors import InputError
from gennari.records import LabelSet
from gennari.sources.probabilities import (
    read_confidence_bytes,
    read_probabilities,
    read_probability_bytes,
    write_probabilities,
    write_probability_bytes,
)


def stored(path: Path, level: int = 0) -> np.ndarray:
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/{level}"}}
    return np.asarray(ts.open(spec, open=True).result().read().result())


@pytest.fixture
def given(rng) -> np.ndarray:
    return rng.dirichlet(np.ones(4), (37, 21)).transpose(2, 0, 1)


def test_a_byte_is_the_probability_to_half_of_one_in_255(tmp_path, given, label_set):
    write_probabilities(tmp_path / "p.ome.zarr", given, 64.0, label_set)
    np.testing.assert_array_equal(stored(tmp_path / "p.ome.zarr"), np.rint(given * 255))
    read, spacing_um = read_probabilities(tmp_path / "p.ome.zarr")
    assert spacing_um == 64.0
    assert np.abs(read - given).max() <= 0.5 / 255 + 1e-6


def test_confidence_is_the_largest_byte_of_each_pixel(tmp_path, given, label_set):
    write_probabilities(tmp_path / "p.ome.zarr", given, 64.0, label_set)
    found, spacing_um = read_confidence_bytes(tmp_path / "p.ome.zarr")
    np.testing.assert_array_equal(found, np.rint(given.max(axis=0) * 255))
    assert spacing_um == 64.0


def test_an_ngff_validator_finds_channels_with_class_names_and_colours(tmp_path, given, label_set: LabelSet):
    path = tmp_path / "0007_probabilities.ome.zarr"
    write_probabilities(path, given, 64.0, label_set, levels=3)
    image = validate_zarr_store(str(path)).ome_metadata()
    assert [axis.name for axis in image.multiscales[0].axes] == ["c", "y", "x"]
    assert image.multiscales[0].name == "0007_probabilities"
    assert [channel.label for channel in image.omero.channels] == list(label_set.names)
    assert [channel.active for channel in image.omero.channels] == [False, False, True, True]
    raw = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    assert [channel["color"] for channel in raw["omero"]["channels"]] == ["000000", "808080", "FF0000", "0000FF"]


def test_coarser_levels_are_means_that_do_not_fade_at_the_edge(tmp_path, label_set):
    given = np.zeros((4, 5, 6), np.uint8)
    given[2] = 200
    given[1, :2, :2] = [[10, 20], [30, 40]]
    write_probability_bytes(tmp_path / "p.ome.zarr", given, 10.0, label_set, 2)
    coarse = stored(tmp_path / "p.ome.zarr", 1)
    assert coarse.shape == (4, 3, 3)
    assert (coarse[2] == 200).all()
    assert coarse[1, 0, 0] == 25
    transforms = json.loads((tmp_path / "p.ome.zarr/zarr.json").read_text())["attributes"]["ome"]["multiscales"][0]
    assert [t.get("scale", t.get("translation")) for t in transforms["datasets"][1]["coordinateTransformations"]] == [
        [1.0, 20.0, 20.0],
        [0.0, 5.0, 5.0],
    ]


def test_a_channel_for_each_class_is_the_law(tmp_path, given, label_set):
    with pytest.raises(ValueError, match=r"must have a channel for each class \(4\), got 3"):
        write_probabilities(tmp_path / "p.ome.zarr", given[:3], 64.0, label_set)


@pytest.mark.parametrize("damage", ["gone", "no image", "two axes", "of floats"])
def test_what_is_no_image_of_probabilities_is_refused(tmp_path, given, label_set, damage):
    path = tmp_path / "p.ome.zarr"
    if damage != "gone":
        write_probabilities(path, given, 64.0, label_set)
        inner = json.loads((path / "zarr.json").read_text())
        if damage == "no image":
            del inner["attributes"]["ome"]
            (path / "zarr.json").write_text(json.dumps(inner))
        elif damage == "of floats":
            zarr.open_group(path).create_array("0", data=given.astype(np.float32), overwrite=True)
        else:
            array = json.loads((path / "0/zarr.json").read_text())
            (path / "0/zarr.json").write_text(json.dumps(array | {"shape": [4, 37]}))
    with pytest.raises(InputError, match="must be a whole OME-Zarr image of probabilities"):
        read_probabilities(path)
    with pytest.raises(InputError, match="must be a whole OME-Zarr image of probabilities"):
        read_confidence_bytes(path)


def test_a_large_image_may_be_read_in_so_many_rows_and_columns(tmp_path, given, label_set):
    path = tmp_path / "p.ome.zarr"
    write_probabilities(path, given, 64.0, label_set)
    whole, _ = read_probability_bytes(path)
    few, _ = read_probability_bytes(path, most_px=10)
    np.testing.assert_array_equal(few, whole[:, ::4, ::4])
    np.testing.assert_array_equal(read_probability_bytes(path, most_px=37)[0], whole)


def test_a_folder_in_the_place_of_the_array_is_refused(tmp_path, given, label_set):
    write_probabilities(tmp_path / "p.ome.zarr", given, 64.0, label_set)
    (tmp_path / "p.ome.zarr/0/zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    with pytest.raises(InputError, match="must be a whole OME-Zarr image of probabilities"):
        read_probability_bytes(tmp_path / "p.ome.zarr")
