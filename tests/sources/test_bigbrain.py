import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sources.bigbrain import LICENCE, SECTIONS_1UM, check_orientation, section_of_y, section_y_mm


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
