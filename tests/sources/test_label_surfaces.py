import nibabel as nib
import numpy as np
import pytest
from nibabel.freesurfer.io import read_annot

from gennari.records import IGNORE, LabelSet
from gennari.sources.label_surfaces import write_annotation_surface, write_label_surface

LABELS = np.array([0, 3, 2, IGNORE, 1, 2], np.uint8)


def test_nibabel_reads_names_colours_and_labels_of_a_label_gii(tmp_path, label_set: LabelSet):
    write_label_surface(tmp_path / "hemi-R_areas.label.gii", LABELS, label_set, "R")
    image = nib.load(tmp_path / "hemi-R_areas.label.gii")
    names = image.labeltable.get_labels_as_dict()
    (array,) = image.darrays
    assert array.intent == nib.nifti1.intent_codes["NIFTI_INTENT_LABEL"]
    assert [names[key] for key in array.data] == ["background", "hOc2", "hOc1", "???", "other cortex", "hOc1"]
    colours = {label.label: label.rgba for label in image.labeltable.labels}
    assert colours["hOc1"] == (1.0, 0.0, 0.0, 1.0)
    assert colours["???"] == (0.0, 0.0, 0.0, 0.0)
    assert colours["other cortex"] == pytest.approx((128 / 255,) * 3 + (1.0,))
    assert image.meta["AnatomicalStructurePrimary"] == "CortexRight"


def test_nibabel_reads_the_same_from_an_annot(tmp_path, label_set: LabelSet):
    write_annotation_surface(tmp_path / "rh.areas.annot", LABELS, label_set)
    found, table, names = read_annot(tmp_path / "rh.areas.annot")
    assert [name.decode() for name in names] == list(label_set.names)
    np.testing.assert_array_equal(found, [0, 3, 2, -1, 1, 2])
    np.testing.assert_array_equal(table[1:, :3], [[128, 128, 128], [255, 0, 0], [0, 0, 255]])


def test_classes_of_one_colour_stay_two_classes_in_an_annot(tmp_path):
    twins = LabelSet(names=("black", "a", "b", "c"), colours=("#000000", "#0a0bff", "#0a0bff", "#0a0bfe"), first_area=1)
    labels = np.array([0, 1, 2, 3, IGNORE], np.uint8)
    write_annotation_surface(tmp_path / "lh.areas.annot", labels, twins)
    found, table, _ = read_annot(tmp_path / "lh.areas.annot")
    np.testing.assert_array_equal(found, [0, 1, 2, 3, -1])
    np.testing.assert_array_equal(table[:, :3], [[0, 0, 1], [10, 11, 255], [10, 11, 254], [10, 11, 253]])


@pytest.mark.parametrize("write", [write_annotation_surface, lambda p, x, s: write_label_surface(p, x, s, "L")])
def test_a_label_that_is_no_class_is_refused(tmp_path, label_set, write):
    with pytest.raises(ValueError, match=r"must index the label set \(0 <= i < 4\), got 4"):
        write(tmp_path / "lh.annot", np.array([0, 4], np.uint8), label_set)
    assert list(tmp_path.iterdir()) == []
