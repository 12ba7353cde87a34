from pathlib import Path

import pytest

from gennari.errors import InputError
from gennari.sources.section_files import find_sections, parse_ids


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def numbers(location: object, *arguments: object) -> list[int]:
    return [file.id for file in find_sections(str(location), *arguments)]


def test_images_of_a_folder_are_found_by_number(tmp_path: Path) -> None:
    touched(tmp_path, "pm1234o.png", "pm0047o.mnc", "B20_0102.tif", "B20_0102_affine.json", "notes.txt", ".pm1o.png")
    touched(tmp_path, "brain2_slice_009.tiff", "7.ome.zarr/zarr.json", "old_0008/info", "empty/readme")
    found = find_sections(str(tmp_path))
    assert [file.id for file in found] == [7, 8, 9, 47, 102, 1234]
    assert found[0].location == str(tmp_path.resolve() / "7.ome.zarr")


def test_one_image_is_found_too(tmp_path: Path) -> None:
    touched(tmp_path, "pm1234o.png", "B20_0102/precomputed/info", "8.zarr/.zattrs")
    assert numbers(tmp_path / "pm1234o.png") == [1234]
    assert numbers(tmp_path / "8.zarr") == [8]
    assert numbers("precomputed://https://example.org/bigbrain/B20_0102/precomputed") == [102]
    assert numbers("https://example.org/2016/brain/7.ome.zarr") == [7]


def test_the_pattern_gives_the_number_and_passes_over_the_rest(tmp_path: Path) -> None:
    touched(tmp_path, "rat3_s012_20x.png", "rat3_s013_20x.png", "rat3_overview.png")
    assert numbers(tmp_path, r"_s(\d+)_") == [12, 13]
    assert numbers(tmp_path, r"(rat)3_s(?P<id>\d+)") == [12, 13]


def test_numbers_that_are_asked_for_are_kept(tmp_path: Path) -> None:
    touched(tmp_path, *(f"pm{number:04d}o.png" for number in range(1, 9)))
    assert numbers(tmp_path, None, (2, 5)) == [2, 5]
    with pytest.raises(InputError, match="lacks 9 and 1 more; it has 1 to 8"):
        find_sections(str(tmp_path), None, (2, 9, 10))


def test_a_url_with_a_number_in_it_stands_for_many() -> None:
    template = "precomputed://https://example.org/B20_{id:04d}/precomputed"
    found = find_sections(template, None, (102, 47))
    assert [file.location.split("/")[-2] for file in found] == ["B20_0102", "B20_0047"]
    with pytest.raises(InputError, match="no numbers are given; add --ids"):
        find_sections(template)
    with pytest.raises(InputError, match=r"such as \{id:04d\}, but"):
        find_sections("https://example.org/{id:04d}/{name}", None, (1,))


def test_two_images_of_one_section_are_refused(tmp_path: Path) -> None:
    touched(tmp_path, "pm1234o.png", "pm1234o.mnc")
    with pytest.raises(InputError, match=r"pm1234o\.mnc and pm1234o\.png are both number 1234"):
        find_sections(str(tmp_path))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", r"must be a regular expression, but '\(' is none"),
        (r"\d+", r"must hold a group for the number, got '\\d\+'"),
        (r"slice_(\d+)", r"the pattern 'slice_\(\\d\+\)' matches, but none of 1 does; correct --id-pattern"),
        (r"(pm)\d+", "must match digits, but in .* it matches 'pm'"),
    ],
)
def test_a_pattern_that_does_not_serve_is_refused(pattern: str, message: str, tmp_path: Path) -> None:
    touched(tmp_path, "pm1234o.png")
    with pytest.raises(InputError, match=message):
        find_sections(str(tmp_path), pattern)


def test_places_without_sections_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere must be a folder, an image or a URL, but there is none"):
        find_sections(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"must hold sections as \.png, \.mnc, \.tif, \.tiff, \.zarr"):
        find_sections(str(touched(tmp_path, "notes.txt")))
    with pytest.raises(InputError, match=r"overview\.png has none; rename it, or move it away"):
        find_sections(str(touched(tmp_path, "overview.png")))


def test_lists_of_numbers() -> None:
    assert parse_ids(None) == parse_ids("") == ()
    assert parse_ids("7, 3-5,4") == (7, 3, 4, 5)
    for listed in ("7;8", "3-", "1-2-3", "-4", "1-9999999"):
        with pytest.raises(InputError, match="numbers are listed as 100,200-300, but part of"):
            parse_ids(listed)
