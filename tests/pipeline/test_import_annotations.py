import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gennari.errors import InputError
from gennari.pipeline.import_annotations import AnnotationOptions, import_annotations
from gennari.records import IGNORE
from gennari.sources.annotations import rasterise, read_annotation
from gennari.sources.dataset import Dataset

PLAIN = AnnotationOptions()


def square(name: str | None, x: float, y: float, side: float = 10) -> dict[str, object]:
    ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    properties = {"classification": {"name": name}} if name else {}
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


def put(path: Path, *features: dict[str, object]) -> None:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def labels(dataset: Dataset, number: int = 3501) -> np.ndarray:
    brain = dataset.brain("A")
    path = brain.annotation(number)
    assert path is not None
    return rasterise(read_annotation(path, dataset.label_set), brain.section(number), 100.0)


def test_what_nobody_drew_is_ignored(shell_dataset: Dataset, place: Path) -> None:
    put(place / "pm3501o.geojson", square("hOc1", 100, 50), square("hOc2", 120, 50))
    made = import_annotations(shell_dataset, "A", place, PLAIN)
    expected = np.full((240, 480), IGNORE, np.uint8)
    expected[50:60, 100:110], expected[50:60, 120:130] = 2, 3
    np.testing.assert_array_equal(labels(shell_dataset), expected)
    assert made.area_mm2 == {3501: pytest.approx({"hOc1": 1.0, "hOc2": 1.0})}
    assert made.notes == ()


def test_in_a_closed_world_the_rest_is_a_class(shell_dataset: Dataset, place: Path) -> None:
    put(place / "3501.geojson", square("hOc1", 100, 50))
    options = AnnotationOptions(closed_world="other cortex")
    made = import_annotations(shell_dataset, "A", place, options)
    expected = np.full((240, 480), 1, np.uint8)
    expected[50:60, 100:110] = 2
    np.testing.assert_array_equal(labels(shell_dataset), expected)
    assert made.area_mm2[3501]["other cortex"] == pytest.approx(24 * 48 - 1)


def test_several_files_of_a_section_are_one_annotation(shell_dataset: Dataset, place: Path) -> None:
    put(place / "a-3501.geojson", square("hOc1", 100, 50))
    put(place / "b-3501.geojson", square("hOc2", 105, 50))
    made = import_annotations(shell_dataset, "A", place, PLAIN)
    assert (labels(shell_dataset)[55, 100:115] == [2] * 5 + [3] * 10).all()
    assert made.notes == (
        "section 3501: hOc1 and hOc2 overlap by 0.500 mm² at x 108, y 55 px; hOc2, drawn later, counts there",
    )


def test_neighbours_that_touch_do_not_overlap(shell_dataset: Dataset, place: Path) -> None:
    put(place / "3501.geojson", square("hOc1", 100, 50), square("hOc2", 110, 50), square("hOc1", 102, 52, 2))
    assert import_annotations(shell_dataset, "A", place, PLAIN).notes == ()


def test_unknown_classes_are_all_named_with_their_places(shell_dataset: Dataset, place: Path) -> None:
    put(place / "3401.geojson", square("V1", 100, 50), square("V1", 150, 50), square(None, 200, 50))
    with pytest.raises(InputError) as caught:
        import_annotations(shell_dataset, "A", place, PLAIN)
    said = str(caught.value)
    assert "'V1' 2 times (first in section 3401 at x 105, y 55 px)" in said
    assert "'no class' in section 3401 at x 205, y 55 px" in said
    assert shell_dataset.brain("A").annotation(3401) is None


def test_classes_are_renamed_left_out_and_given(shell_dataset: Dataset, place: Path) -> None:
    put(place / "3501.geojson", square("V1", 100, 50), square("vessel", 150, 50), square(None, 200, 50))
    options = AnnotationOptions(rename={"V1": "hOc1"}, skip=("vessel",), class_name="hOc2")
    made = import_annotations(shell_dataset, "A", place, options)
    assert made.area_mm2 == {3501: pytest.approx({"hOc1": 1.0, "hOc2": 1.0})}
    record = json.loads((shell_dataset.brain("A").folder / "annotations/import.json").read_text())
    assert record["rename"] == {"V1": "hOc1"}
    assert list(record["sources"]["3501"]) == [str(place / "3501.geojson")]


def test_options_name_classes_of_the_data_set(shell_dataset: Dataset, place: Path) -> None:
    for options in (AnnotationOptions(closed_world="x"), AnnotationOptions(rename={"a": "x"})):
        with pytest.raises(InputError, match="got 'x'"):
            import_annotations(shell_dataset, "A", place, options)


def test_the_number_comes_from_the_pattern(shell_dataset: Dataset, place: Path) -> None:
    put(place / "s3501_by_7.geojson", square("hOc1", 100, 50))
    with pytest.raises(InputError, match="no 7"):
        import_annotations(shell_dataset, "A", place, PLAIN)
    import_annotations(shell_dataset, "A", place, AnnotationOptions(id_pattern=r"s(\d{4})"))
    for pattern, said in ((r"x(\d+)", "finds none"), ("(", "regular expression")):
        with pytest.raises(InputError, match=said):
            import_annotations(shell_dataset, "A", place, AnnotationOptions(id_pattern=pattern))


def test_annotations_are_replaced_only_when_asked(shell_dataset: Dataset, place: Path) -> None:
    put(place / "3501.geojson", square("hOc1", 100, 50))
    import_annotations(shell_dataset, "A", place, PLAIN)
    with pytest.raises(InputError, match="--replace"):
        import_annotations(shell_dataset, "A", place, PLAIN)
    import_annotations(shell_dataset, "A", place, AnnotationOptions(replace=True))


def test_what_leaves_the_image_is_reported(shell_dataset: Dataset, place: Path) -> None:
    put(place / "3501.geojson", square("hOc1", 475, 50))
    (note,) = import_annotations(shell_dataset, "A", place, PLAIN).notes
    assert "leaves the image (240 x 480 px); was it drawn at full resolution?" in note


def test_label_images_come_with_a_table(shell_dataset: Dataset, place: Path) -> None:
    image = np.zeros((240, 480), np.uint8)
    image[50:60, 100:110] = 4
    Image.fromarray(image).save(place / "3601.png")
    (place / "classes.csv").write_text("4,hOc1\n")
    import_annotations(shell_dataset, "A", place, AnnotationOptions(classes=place / "classes.csv"))
    np.testing.assert_array_equal(labels(shell_dataset, 3601), np.where(image == 4, 2, IGNORE))
