"""Help: every verb says in one line what it does, without being imported."""

import os

import pytest

from gennari.cli.app import VERBS, main


def test_each_verb_has_its_line(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for verb in VERBS:
        (line,) = [line for line in lines if line.startswith(f"│ {verb} ")]
        assert len(line.strip("│ ").split()) > 3


def test_a_missing_dataset_leaves_no_run_folder(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["sample", str(tmp_path / "none"), str(tmp_path / "run")])
    assert left.value.code == 2
    assert "none" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("said", "meant"), [(None, "1"), ("0", "0")])
def test_torch_is_to_use_large_pages_unless_told_otherwise(said, meant, capsys, monkeypatch):
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    if said is not None:
        monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", said)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == meant
