"""Labelled sections as the networks get them: three grids that lie on one another."""

import numpy as np
import pytest

from gennari.nets.sizes import atlas_spacing_um, output_spacing_um
from gennari.pipeline.labelled import annotated_labels, labelled_sections
from gennari.records import IGNORE
from gennari.sources.dataset import open_dataset


@pytest.fixture(scope="module")
def brain(phantom):
    return open_dataset(phantom).brain("A")


def test_image_labels_and_prior_cover_the_section_at_their_spacings(brain, mini_recipes, ticks):
    config = mini_recipes[1].texture
    (section,) = brain.sections[:1]
    (found,) = labelled_sections([(brain, [section])], config, ticks.append)
    assert found.image.shape == section.grid_shape(config.spacing_um)
    assert found.labels.shape == section.grid_shape(output_spacing_um(config))
    assert found.prior.shape == (13, *section.grid_shape(atlas_spacing_um(config)))
    assert found.name == f"A {section.id}"
    assert ticks[-1].done == ticks[-1].total == 1


def test_labels_are_the_annotations_where_a_coarse_pixel_holds_one_class(brain, mini_recipes):
    section = brain.sections[1]
    spacing_um, fine_um = output_spacing_um(mini_recipes[1].texture), brain.truth(section.id).spacing_um
    labels, fine = (annotated_labels(brain, section, um) for um in (spacing_um, fine_um))
    factor = round(spacing_um / fine_um)
    rows, cols = (side // factor for side in fine.shape)
    blocks = fine[: rows * factor, : cols * factor].reshape(rows, factor, cols, factor)
    pure = (blocks == blocks[:, :1, :, :1]).all(axis=(1, 3))
    assert (pure & (labels[:rows, :cols] != IGNORE)).any()
    np.testing.assert_array_equal(labels[:rows, :cols][pure], blocks[:, 0, :, 0][pure])


def test_a_section_nobody_annotated_is_all_unlabelled(phantom):
    pretext = open_dataset(phantom).brain("P")
    labels = annotated_labels(pretext, pretext.sections[0], 512.0)
    assert labels.shape == pretext.sections[0].grid_shape(512.0)
    assert (labels == IGNORE).all()
