import json
import re
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sources.bigbrain import (
    IN_PLANE_SPACING_UM,
    LICENCE,
    SECTIONS_1UM,
    check_orientation,
    check_spacing_um,
    listed_section,
    section_of_affine,
    section_of_y,
    section_y_mm,
)


def test_the_plane_of_a_section_and_back_for_all_145() -> None:
    assert len(SECTIONS_1UM) == 145
    assert sum(number <= 3000 for number in SECTIONS_1UM) == 58
    assert list(SECTIONS_1UM) == sorted(set(SECTIONS_1UM))
    for number in SECTIONS_1UM:
        found, remainder = section_of_y(section_y_mm(number))
        assert found == number
        assert abs(remainder) < 1e-9


def test_published_planes_and_remainders() -> None:
    assert section_y_mm(0) == -70.02
    assert section_y_mm(3000) == pytest.approx(-10.02)
    found, remainder = section_of_y(-10.02 + 0.007)
    assert found == 3000
    assert remainder == pytest.approx(0.007)


def test_the_inverted_release_is_refused_with_the_mend() -> None:
    right = np.array([[-60.0, -70.06, -36.0], [5.0, 78.05, 54.0]])
    check_orientation(right, "pial")
    with pytest.raises(InputError, match=r"pial spans -78\.0\.\.70\.1.*negate x and y"):
        check_orientation(right * (-1, -1, 1), "pial")


def test_the_licence_is_named() -> None:
    assert "CC BY-NC-SA 4.0" in LICENCE


def _affine(path: Path, y_mm: float) -> Path:
    path.write_text(json.dumps([[1, 0, 0, -70.6], [0, 1, 0, y_mm], [0, 0, 1, -58.7], [0, 0, 0, 1]]))
    return path


def test_the_file_of_each_listed_section_gives_its_number(tmp_path: Path) -> None:
    for number in SECTIONS_1UM:
        path = _affine(tmp_path / f"B20_{number:04d}_affine.json", -70.02 + 0.02 * number)
        assert section_of_affine(path) == number
        # float noise of a header, and what a rounded one loses
        assert listed_section(round(section_y_mm(number), 2)) == number
        assert listed_section(section_y_mm(number) + 0.0059) == number


def test_a_plane_by_the_slabs_edge_is_snapped_and_said(tmp_path: Path) -> None:
    for number in SECTIONS_1UM:
        path = _affine(tmp_path / f"B20_{number:04d}_affine.json", -70.02 + 0.02 * number - 0.01)
        with pytest.warns(UserWarning, match=rf"section {number}, whose plane lies 10\.0 µm away.*slab's edge"):
            assert section_of_affine(path) == number


def test_the_usual_inverse_of_the_slabs_edge_is_not_ours() -> None:
    wrong = [number for number in SECTIONS_1UM if int((section_y_mm(number) - 0.01 + 70) / 0.02 + 1.5) != number]
    assert wrong  # why sections are keyed by number
    assert all(section_of_y(section_y_mm(number))[0] == number for number in wrong)


def test_a_plane_of_another_section_than_the_name_says_is_refused(tmp_path: Path) -> None:
    path = _affine(tmp_path / "B20_1001_affine.json", section_y_mm(1049))
    with pytest.raises(InputError, match=re.escape("the section in its name, y = -50.00 mm") + ".*section 1049"):
        section_of_affine(path)
    assert section_of_affine(_affine(tmp_path / "mine.json", section_y_mm(1049))) == 1049
    path.write_text("[[1, 0], [0, 1]]")
    with pytest.raises(InputError, match=r"B20_1001_affine\.json"):
        section_of_affine(path)


def test_the_distance_between_sections_is_not_taken_for_the_pixel_size() -> None:
    check_spacing_um(IN_PLANE_SPACING_UM, "pm1234o.png")
    with pytest.raises(InputError, match=r"measure 21\.1667 µm, but pm1234o\.png says 20; 20 µm is the distance"):
        check_spacing_um(20.0, "pm1234o.png")
