import pytest

from gennari.errors import InputError
from gennari.sources.bigbrain import SECTIONS_1UM
from gennari.sources.bigbrain_release import layer_files, section_files, section_numbers, surface_files


@pytest.mark.parametrize(
    ("text", "release", "numbers"),
    [
        ("3,1,2", "20um", [1, 2, 3]),
        ("10-12, 11", "20um", [10, 11, 12]),
        ("100-200:50", "20um", [100, 150, 200]),
        ("0-2", "20um", [1, 2]),
        ("1000-1210", "1um", [1001, 1049, 1100, 1151, 1205]),
        ("all", "1um", list(SECTIONS_1UM)),
        ("all", "20um", list(range(1, 7405))),
    ],
)
def test_sections_as_a_person_writes_them(text, release, numbers):
    assert section_numbers(text, release) == numbers


@pytest.mark.parametrize("text", ["", "1-", "a", "1;2", "1-9:0", "-4", "1,,2"])
def test_what_is_no_number_or_range_is_refused_with_examples(text):
    with pytest.raises(InputError, match=r"such as 1001,2000-2100,3000-4000:50, or all; got"):
        section_numbers(text, "20um")


def test_a_section_that_the_release_lacks_is_refused_with_its_neighbours():
    with pytest.raises(InputError, match=r"1um release has no section 1000; the nearest are 951, 1001, 1049"):
        section_numbers("1000", "1um")
    with pytest.raises(InputError, match="20um release has no section 7405"):
        section_numbers("7405", "20um")


@pytest.mark.parametrize(("text", "release"), [("1002-1048", "1um"), ("9-3", "20um"), ("7405-7500", "20um")])
def test_a_range_without_sections_is_refused(text, release):
    with pytest.raises(InputError, match="holds none"):
        section_numbers(text, release)


def test_files_stand_where_the_releases_have_them():
    coronal = "BigBrainRelease.2015/2D_Final_Sections/Coronal"
    assert [file.path for file in section_files([7, 1001], "20um", "http://b/")] == [
        f"{coronal}/Png/Full_Resolution/pm0007o.png",
        f"{coronal}/Png/Full_Resolution/pm1001o.png",
    ]
    (minc,) = section_files([7], "20um", "http://b/", "mnc")
    assert minc.url == f"http://b/{coronal}/Minc/pm0007o.mnc"
    assert [file.url for file in section_files([47], "1um", "http://c/v1.0")] == [
        "http://c/v1.0/aligned/B20_0047.tif",
        "http://c/v1.0/aligned/B20_0047_affine.json",
    ]


def test_surfaces_are_four_and_layer_surfaces_fourteen():
    assert [file.path.rsplit("/", 1)[1] for file in surface_files("http://b")] == [
        "gray_left_327680.gii", "gray_right_327680.gii", "white_left_327680.gii", "white_right_327680.gii",
    ]  # fmt: skip
    layers = [file.path for file in layer_files("http://b")]
    assert len(set(layers)) == 14
    assert layers[0].endswith("PLoSBiology2020/MNI-obj/layer0_left_327680.obj.gz")
