"""Sections as arrays: the same as read afresh, written once, mapped."""

import numpy as np
import pytest

from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.labelled import labelled_sections
from gennari.pipeline.references import true_map
from gennari.pipeline.section_store import SectionStore, fill_store
from gennari.sources.dataset import open_dataset


@pytest.fixture
def filled(phantom, mini_recipes, tmp_path, ticks):
    dataset, config = open_dataset(phantom), mini_recipes[1].texture
    places = [("A", dataset.brain("A").sections[0].id), ("B", dataset.brain("B").sections[1].id)]
    store = SectionStore(folder=tmp_path / "store")
    fill_store(store, dataset, places, config, 1, ticks.append)
    return store, dataset, places, config


def test_what_is_stored_is_what_a_training_reads(filled):
    store, dataset, places, config = filled
    for name, number in places:
        brain = dataset.brain(name)
        (wanted,) = labelled_sections([(brain, [brain.section(number)])], config, [].append)
        found = store.labelled(name, number)
        assert found.name == wanted.name
        for kind in ("image", "labels"):
            np.testing.assert_array_equal(getattr(found, kind), getattr(wanted, kind))
        np.testing.assert_array_equal(found.prior[..., :, :], wanted.prior[..., :, :])
        np.testing.assert_array_equal(store.truth(name, number), true_map(brain, number, output_spacing_um(config)))


def test_arrays_are_mapped_and_cannot_be_changed(filled):
    store, _, places, _ = filled
    image = store.labelled(*places[0]).image
    assert isinstance(image, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 1


def test_only_what_is_lacking_is_written(filled, ticks):
    store, dataset, places, config = filled
    ticks.clear()
    store.path(*places[1], "truth").unlink()
    kept = store.path(*places[0], "prior").stat().st_mtime_ns
    fill_store(store, dataset, places, config, 1, ticks.append)
    assert [tick.note for tick in ticks] == [f"{places[1][0]} {places[1][1]}"]
    assert store.path(*places[0], "prior").stat().st_mtime_ns == kept
    assert store.path(*places[1], "truth").exists()
