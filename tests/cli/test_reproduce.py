"""`gennari reproduce`: what is asked for wrongly is said in one sentence."""

import pytest

from gennari.cli.app import main


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seeds", "0,one"], "--seeds are whole numbers apart by commas, such as 0,1,2, got '0,one'"),
        (["--rows", "baseline,nonsense"], "--rows names rows of the table"),
        (["--preset", "huge"], "a table must be one of small"),
    ],
)
def test_wrong_options_are_named(options: list[str], words: str, phantom, tmp_path, capsys) -> None:
    line = ["reproduce", str(phantom), str(tmp_path / "work"), "--results", str(tmp_path / "results"), *options]
    with pytest.raises(SystemExit) as left:
        main(line)
    assert left.value.code == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
