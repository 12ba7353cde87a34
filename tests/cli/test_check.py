import json
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_doctor_passes_the_phantom_and_draws_it(gennari, phantom: Path, tmp_path: Path) -> None:
    arguments = ("check", phantom, "--preset", "mini", "--sections", 1)
    said = gennari(*arguments, "--figure", tmp_path / "figure.png", "--json")
    document = json.loads(said.out)
    assert said.code == (2 if document["level"] == "wrong" else 0)
    assert {"disk", "images", "surfaces", "registration", "atlas", "reading", "classes"} <= {
        finding["what"] for finding in document["findings"]
    }
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    refused = gennari(*arguments, "--figure", tmp_path / "figure.png")
    assert refused.code == 2
    assert "must be a new file" in refused.err


def test_the_doctor_leaves_with_2_where_training_would_be_wrong(gennari, demo: Path) -> None:
    (demo / "dataset/brains/B/surfaces").rename(demo / "elsewhere")
    said = gennari("check", demo / "dataset", "--preset", "mini", "--sections", 1)
    assert said.code == 2
    assert "must: B, surfaces: run `gennari import surfaces`" in said.out
    assert "would be wrong, because of its" in said.err


def test_the_doctor_looks_at_one_section_at_least(refused, phantom: Path) -> None:
    assert "at least one section" in refused("check", phantom, "--sections", 0)
