import json
from pathlib import Path

import numpy as np
import pytest
import tensorstore as ts

from gennari.records import IGNORE, LabelSet, Section
from gennari.sources.precomputed_files import (
    SLAB_UM,
    brain_nm,
    segment_id,
    write_precomputed_image,
    write_precomputed_labels,
)


def opened(path: Path, level: int = 0) -> ts.TensorStore:
    spec = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": f"{path}/"}}
    return ts.open({**spec, "scale_index": level}, open=True, read=True).result()


def test_tensorstore_reads_an_image_as_x_y_z(tmp_path, rng, section: Section):
    image = rng.integers(0, 255, (600, 400), dtype=np.uint8)
    write_precomputed_image(tmp_path / "image", image, 50.0, section)
    store = opened(tmp_path / "image")
    assert store.domain.labels[:3] == ("x", "y", "z")
    np.testing.assert_array_equal(store.read().result()[:, :, 0, 0], image.T)
    assert [u.multiplier for u in store.dimension_units[:3]] == [50_000.0, 50_000.0, 1e3 * SLAB_UM]
    coarse = opened(tmp_path / "image", 1)
    assert coarse.shape == (200, 300, 1, 1)
    assert coarse.read().result()[7, 9, 0, 0] == np.floor(image[18:20, 14:16].mean() + 0.5)


def test_segments_are_classes_plus_one_and_have_names(tmp_path, rng, section: Section, label_set: LabelSet):
    labels = rng.choice(np.array([0, 1, 2, 3, IGNORE], np.uint8), (600, 400))
    write_precomputed_labels(tmp_path / "areas", labels, 50.0, section, label_set)
    found = opened(tmp_path / "areas").read().result()[:, :, 0, 0].T
    assert (found[labels == IGNORE] == 0).all()
    for index in range(4):
        assert (found[labels == index] == segment_id(index)).all()
    assert set(np.unique(opened(tmp_path / "areas", 1).read().result())) <= {0, 1, 2, 3, 4}
    np.testing.assert_array_equal(opened(tmp_path / "areas", 1).read().result()[:, :, 0, 0].T, found[1::2, 1::2])
    info = json.loads((tmp_path / "areas/info").read_text())
    assert info["type"] == "segmentation"
    properties = json.loads((tmp_path / "areas" / info["segment_properties"] / "info").read_text())
    assert properties["@type"] == "neuroglancer_segment_properties"
    inline = properties["inline"]
    assert inline["ids"] == ["1", "2", "3", "4"]
    names, tags = inline["properties"]
    assert (names["type"], names["values"]) == ("label", list(label_set.names))
    assert [tags["tags"][of[0]] for of in tags["values"]] == ["tissue", "tissue", "area", "area"]


@pytest.mark.parametrize("what", ["image", "areas"])
def test_transform_json_leads_to_the_same_place_as_the_sections_affine(
    tmp_path, rng, section: Section, label_set: LabelSet, what
):
    plane = np.zeros((240, 480), np.uint8)
    if what == "image":
        write_precomputed_image(tmp_path / what, plane, 100.0, section)
    else:
        write_precomputed_labels(tmp_path / what, plane, 100.0, section, label_set)
    matrix = np.array(json.loads((tmp_path / what / "transform.json").read_text()))
    for row_um, col_um in rng.uniform(0, 20_000, (5, 2)):
        mm = matrix[:3] @ (col_um * 1e3, row_um * 1e3, SLAB_UM / 2 * 1e3, 1) * 1e-6
        np.testing.assert_allclose(mm, section.brain_mm(np.array([[row_um, col_um]]))[0], atol=1e-9)
    thick = (matrix[:3] @ (0, 0, SLAB_UM * 1e3, 1) - matrix[:3] @ (0, 0, 0, 1)) * 1e-6
    np.testing.assert_allclose(thick, section.normal * SLAB_UM * 1e-3, atol=1e-12)
    np.testing.assert_allclose(matrix, brain_nm(section))
