import json

import numpy as np
import pytest
import tensorstore as ts
from yaozarrs import validate_zarr_store

from gennari.records import IGNORE, LabelSet
from gennari.sources.ome_sections import pyramid_levels, write_ome_section


def stored(path, level: int) -> np.ndarray:
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/{level}"}}
    return np.asarray(ts.open(spec, open=True).result().read().result())


@pytest.fixture
def written(tmp_path, rng, label_set: LabelSet):
    image = rng.integers(0, 255, (700, 1030), dtype=np.uint8)
    labels = rng.choice(np.array([0, 1, 2, 3, IGNORE], np.uint8), (35, 52)).repeat(20, 0).repeat(20, 1)[:700, :1030]
    write_ome_section(tmp_path / "0042.ome.zarr", image, labels, 64.0, label_set)
    return tmp_path / "0042.ome.zarr", image, labels


def test_an_ngff_validator_accepts_image_and_labels(written):
    path, _, _ = written
    image = validate_zarr_store(str(path)).ome_metadata()
    assert image.multiscales[0].name == "0042"
    assert [axis.name for axis in image.multiscales[0].axes] == ["y", "x"]
    assert {axis.unit for axis in image.multiscales[0].axes} == {"micrometer"}
    assert json.loads((path / "labels/zarr.json").read_text())["attributes"]["ome"]["labels"] == ["areas"]
    validate_zarr_store(str(path / "labels" / "areas"))


def test_labels_carry_names_and_colours_and_say_whose_they_are(written, label_set):
    path, _, _ = written
    labels = validate_zarr_store(str(path / "labels/areas")).ome_metadata().image_label
    assert labels.source.image == "../../"
    assert [(int(c.label_value), list(c.rgba)) for c in labels.colors] == [
        (0, [0, 0, 0, 255]),
        (1, [128, 128, 128, 255]),
        (2, [255, 0, 0, 255]),
        (3, [0, 0, 255, 255]),
    ]
    raw = json.loads((path / "labels/areas/zarr.json").read_text())["attributes"]["ome"]["image-label"]
    assert [entry["name"] for entry in raw["properties"]] == list(label_set.names)


def test_pixels_come_back_and_coarser_labels_are_labels_that_were_there(written):
    path, image, labels = written
    np.testing.assert_array_equal(stored(path, 0), image)
    np.testing.assert_array_equal(stored(path / "labels/areas", 0), labels)
    np.testing.assert_array_equal(stored(path / "labels/areas", 1), labels[1::2, 1::2])
    assert stored(path, 1).shape == (350, 515)
    assert stored(path, 1)[3, 5] == np.floor(image[6:8, 10:12].mean() + 0.5)


def test_a_pyramid_ends_where_the_longer_side_is_small():
    assert [pyramid_levels(shape) for shape in ((1, 1), (512, 3), (513, 3), (3, 1024), (1025, 9), (60000, 50000))] == [
        1, 1, 2, 2, 3, 8,
    ]  # fmt: skip
