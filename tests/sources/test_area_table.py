from pathlib import Path

import pytest

from gennari.errors import InputError
from gennari.phantom.layers import LABEL_SET
from gennari.sources.area_table import TISSUE, read_area_table


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_areas_come_after_tissue_with_their_colours(tmp_path: Path) -> None:
    found = read_area_table(written(tmp_path / "areas.csv", 'name,colour\nTE 1.0,#AA0010\n"Te, 2",\n\nTE 1.2\n'))
    assert found.names == ("background", "white matter", "other cortex", "TE 1.0", "Te, 2", "TE 1.2")
    assert found.colours[:4] == ("#ffffff", "#d9d9d9", "#9a9a9a", "#aa0010")
    assert found.first_area == 3


def test_tissue_is_what_the_phantoms_is() -> None:
    assert tuple(TISSUE) == LABEL_SET.names[: LABEL_SET.first_area]
    assert tuple(TISSUE.values()) == LABEL_SET.colours[: LABEL_SET.first_area]


def test_many_areas_have_colours_that_differ(tmp_path: Path) -> None:
    found = read_area_table(written(tmp_path / "areas.csv", "\n".join(f"A{k}" for k in range(60))))
    rgb = [[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in found.colours[3:]]
    assert min(sum(abs(a - b) for a, b in zip(rgb[i], rgb[j], strict=True)) for i in range(60) for j in range(i)) > 10


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("A\nA\n", r"must name each area once.*line 2 is 'A'"),
        ("A,red\n", r"'name,#rrggbb'.*line 1 is 'A,red'"),
        ("A,#ff0000,3\n", "line 1 is 'A,#ff0000,3'"),
        (",#ff0000\n", "line 1 is ',#ff0000'"),
        ("white matter\n", "and no tissue .* line 1 is 'white matter'"),
        ("name\n", "from 1 to 252 areas, got 0"),
        ("\n".join(f"A{k}" for k in range(253)), "from 1 to 252 areas, got 253"),
    ],
)
def test_what_is_no_table_of_areas_is_refused(tmp_path: Path, text: str, law: str) -> None:
    with pytest.raises(InputError, match=law):
        read_area_table(written(tmp_path / "areas.csv", text))


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="but there is none; check the path"):
        read_area_table(tmp_path / "areas.csv")
