from dataclasses import replace

import numpy as np
import pytest

from gennari.records import IGNORE, AreaMap, LabelSet
from gennari.report.section_figures import SectionPanel, patches_gallery, section_overlays
from gennari.report.style import to_png


@pytest.fixture
def panel(label_set: LabelSet) -> SectionPanel:
    """A dark square of 100 x 200 px at 64 µm in a white section; its left half is hOc1, its right half hOc2."""
    image = np.full((400, 600), 255, np.uint8)
    image[100:200, 200:400] = 100
    labels = np.zeros((200, 300), np.uint8)
    labels[50:100, 100:150] = 3
    labels[50:100, 150:200] = 4
    truth = AreaMap(labels=labels, spacing_um=128.0, section=7, label_set=label_set)
    silent = AreaMap(labels=np.full_like(labels, IGNORE), spacing_um=128.0, section=7, label_set=label_set)
    return SectionPanel(title="brain A", image=image, spacing_um=64.0, maps={"truth": truth, "nothing": silent})


def shown(figure, title: str) -> np.ndarray:
    (axes,) = (axes for axes in figure.axes if axes.get_title(loc="left") == title)
    return np.asarray(axes.images[0].get_array())


def test_a_map_is_drawn_in_its_colours_on_its_own_grid_and_cropped_to_tissue(panel, label_set):
    picture = shown(section_overlays([panel], label_set), "truth")
    assert picture.shape[0] < 200  # 400 rows in the section
    red, blue = picture[..., 0] - picture[..., 2] > 0.1, picture[..., 2] - picture[..., 0] > 0.1
    assert red.sum() == blue.sum() == 100 * 100
    rows, cols = np.nonzero(red)
    assert np.ptp(rows) == np.ptp(cols) == 99
    assert np.nonzero(blue)[1].min() == cols.max() + 1


def test_pixels_of_which_nothing_is_said_stay_grey(panel, label_set):
    picture = shown(section_overlays([panel], label_set), "nothing")
    assert np.ptp(picture, axis=2).max() < 1e-9


def test_layers_stay_visible_under_the_colour(panel, label_set):
    image = panel.image.copy()
    image[100:150, 200:400] = 200
    picture = shown(section_overlays([replace(panel, image=image)], label_set), "truth")
    red = picture[picture[..., 0] - picture[..., 2] > 0.1]
    assert len(np.unique(red.round(6), axis=0)) == 2


def test_tissue_classes_are_not_coloured(panel, label_set):
    labels = np.full((200, 300), 2, np.uint8)
    maps = {"truth": AreaMap(labels=labels, spacing_um=128.0, section=7, label_set=label_set)}
    figure = section_overlays([replace(panel, maps=maps)], label_set)
    assert np.ptp(shown(figure, "truth"), axis=2).max() < 1e-9
    assert not figure.legends


def test_the_legend_names_the_areas_that_occur_and_no_others(panel, label_set):
    (legend,) = section_overlays([panel], label_set).legends
    assert [text.get_text() for text in legend.get_texts()] == ["hOc1", "hOc2"]


def test_annotation_and_notes_are_shown(panel, label_set):
    noted = replace(panel, annotation=panel.maps["truth"], notes={"nothing": "Dice 0.00"})
    figure = section_overlays([noted], label_set)
    assert "annotation" in [axes.get_title(loc="left") for axes in figure.axes]
    assert "Dice 0.00" in [axes.get_title(loc="right") for axes in figure.axes]


def test_a_large_section_is_averaged_before_it_is_drawn(panel, label_set):
    image = panel.image.repeat(10, axis=0).repeat(10, axis=1)
    large = shown(section_overlays([replace(panel, image=image, spacing_um=6.4)], label_set), "truth")
    assert large.shape[1] < 1600


def test_an_empty_section_is_drawn_whole(panel, label_set):
    empty = replace(panel, image=np.full((40, 60), 255, np.uint8))
    assert shown(section_overlays([empty], label_set), "truth").shape[:2] == (40, 60)


def test_panels_with_different_maps_are_refused(panel, label_set):
    other = replace(panel, maps={"truth": panel.maps["truth"]})
    with pytest.raises(ValueError, match="all panels need the same maps"):
        section_overlays([panel, other], label_set)
    with pytest.raises(ValueError, match="all panels need the same maps"):
        section_overlays([], label_set)


def test_the_gallery_shows_each_patch_under_its_name(rng):
    patches = rng.integers(0, 255, (9, 16, 16)).astype(np.uint8)
    names = [f"area {k}" for k in range(9)]
    figure = patches_gallery(patches, names, spacing_um=32.0, colours=["#ff0000"] * 9)
    drawn = {axes.get_title(loc="left"): np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images}
    assert list(drawn) == names
    assert all(np.array_equal(drawn[name], patch) for name, patch in zip(names, patches, strict=True))
    assert to_png(figure, dpi=40)


def test_a_gallery_needs_one_name_a_patch():
    with pytest.raises(ValueError, match="one name a patch, got 2 patches and 1 names"):
        patches_gallery(np.zeros((2, 4, 4), np.uint8), ["hOc1"], spacing_um=32.0)
