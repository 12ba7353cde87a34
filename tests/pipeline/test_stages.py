"""Run folders: one data set, one configuration, one process, and every stage once."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gennari.errors import InputError
from gennari.pipeline import stages
from gennari.pipeline.stages import Provenance, Receipt, Run, create_run, locked, open_run, receipts, run_stage
from gennari.sources.documents import read_json


def _work(run: Run, name: str, log: list[str]) -> list[Path]:
    log.append(name)
    path = run.path(f"{name}.txt")
    path.write_text(name)
    return [path]


def _stage(run: Run, name: str, after: tuple[str, ...], log: list[str], ticks: list) -> bool:
    return run_stage(run, name, after, lambda: _work(run, name, log), ticks.append)


def test_a_run_remembers_its_configuration_exactly(fresh, mini_recipes):
    assert open_run(fresh.root).experiment == mini_recipes[1]


def test_a_run_may_be_moved_together_with_its_data_set(copied, tmp_path):
    moved = copied.rename(tmp_path / "elsewhere")
    assert open_run(moved / "run").dataset.root == moved / "dataset"


def test_the_provenance_names_package_data_and_system(fresh):
    saved = read_json(fresh.path("provenance.json"), Provenance)
    assert saved.packages["torch"].startswith("2.")
    assert saved.dataset == "phantom on fsaverage5"
    assert saved.git
    assert "cores" in saved.system


def test_a_stage_is_done_once(fresh, ticks):
    log: list[str] = []
    assert _stage(fresh, "one", (), log, ticks)
    assert not _stage(fresh, "one", (), log, ticks)
    assert log == ["one"]
    assert ticks[-1].stage == "one"
    assert "nothing to do" in ticks[-1].note
    (receipt,) = receipts(fresh)
    assert receipt.outputs == ("one.txt",)


def test_options_of_a_stage_are_part_of_what_it_was_finished_with(fresh, ticks):
    def stage(name: str, options: str) -> bool:
        return run_stage(fresh, name, (), lambda: _work(fresh, name, []), ticks.append, options=options)

    assert stage("one", "a")
    assert not stage("one", "a")
    with pytest.raises(InputError, match="finished with another configuration"):
        stage("one", "b")
    with pytest.raises(InputError, match="finished with another configuration"):
        stage("one", "")
    assert stage("two", "")
    assert not _stage(fresh, "two", (), [], ticks)  # without options the key is what it always was


def test_a_stage_whose_output_was_deleted_is_done_again(fresh, ticks):
    log: list[str] = []
    _stage(fresh, "one", (), log, ticks)
    fresh.path("one.txt").unlink()
    assert _stage(fresh, "one", (), log, ticks)
    assert log == ["one", "one"]


def test_a_stage_before_its_time_is_refused(fresh, ticks):
    with pytest.raises(InputError, match=r"works on the files of `gennari one`.*run `gennari one` first"):
        _stage(fresh, "two", ("one",), [], ticks)
    assert not fresh.path("two.txt").exists()


def test_a_stage_that_failed_leaves_no_receipt(fresh, ticks):
    def fails() -> list[Path]:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        run_stage(fresh, "one", (), fails, ticks.append)
    assert not fresh.path("receipts", "one.json").exists()


def test_a_stage_is_refused_when_what_stands_before_it_was_done_anew(fresh, ticks):
    log: list[str] = []
    _stage(fresh, "one", (), log, ticks)
    _stage(fresh, "two", ("one",), log, ticks)
    path = fresh.path("receipts", "one.json")
    redone = read_json(path, Receipt).model_copy(update={"finished": "2031-01-01T00:00:00+00:00"})
    path.write_text(redone.model_dump_json())
    with pytest.raises(InputError, match=r"stage two .* other inputs"):
        _stage(fresh, "two", ("one",), log, ticks)
    assert log == ["one", "two"]


def test_a_stage_finished_with_another_configuration_is_refused(fresh, ticks):
    _stage(fresh, "one", (), [], ticks)
    changed = Run(fresh.root, fresh.experiment.model_copy(update={"seed": 5}), fresh.dataset)
    with pytest.raises(InputError, match="another configuration"):
        _stage(changed, "one", (), [], ticks)


def test_receipts_come_in_the_order_of_the_work(finished):
    names = [receipt.stage for receipt in receipts(finished)]
    assert names[:3] == ["sample", "pack", "pretrain"]
    assert names[-2:] == ["evaluate", "report"]
    assert set(names[3:-2]) == {"finetune-baseline", "finetune-pretrained", "segment"}


def test_another_recipe_in_the_same_folder_is_refused(fresh, phantom, mini_recipes):
    before = fresh.path("config.toml").read_bytes()
    with pytest.raises(InputError, match="differs from it"):
        create_run(fresh.root, phantom, mini_recipes[1].model_copy(update={"seed": 3}))
    assert fresh.path("config.toml").read_bytes() == before


def test_a_changed_config_file_is_refused_once_a_stage_is_done(fresh, ticks):
    _stage(fresh, "one", (), [], ticks)
    config = fresh.path("config.toml")
    config.write_text(config.read_text().replace("seed = 0", "seed = 4", 1))
    with pytest.raises(InputError, match="another configuration"):
        _stage(open_run(fresh.root), "one", (), [], ticks)


def test_another_data_set_is_refused(fresh, copied, mini_recipes):
    manifest = copied / "dataset/dataset.json"
    manifest.write_text(manifest.read_text().replace("phantom on fsaverage5", "another phantom"))
    with pytest.raises(InputError, match="stays with the data set it was made for"):
        create_run(fresh.root, copied / "dataset", mini_recipes[1])


def test_a_data_set_that_changed_under_a_run_is_refused(copied):
    manifest = copied / "dataset/dataset.json"
    manifest.write_text(manifest.read_text().replace("phantom on fsaverage5", "another phantom"))
    with pytest.raises(InputError, match="has changed since"):
        open_run(copied / "run")


def test_a_folder_with_other_files_is_no_place_for_a_run(phantom, mini_recipes, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="needs a folder of its own"):
        create_run(tmp_path, phantom, mini_recipes[1])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds run.json.*gennari sample"):
        open_run(tmp_path)


@pytest.mark.slow
def test_a_second_process_is_refused_while_the_first_works_and_let_in_after(tmp_path):
    program = (
        "import pathlib, sys\nfrom gennari.pipeline.stages import locked\nwith locked(pathlib.Path(sys.argv[1])): pass"
    )
    second = [sys.executable, "-c", program, str(tmp_path)]
    with locked(tmp_path):
        done = subprocess.run(second, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert "InputError: one process at a time may work in" in done.stderr
    assert subprocess.run(second, capture_output=True, timeout=60).returncode == 0


def test_parts_work_beside_each_other_but_not_beside_the_whole(tmp_path):
    with locked(tmp_path, part="1/2"), locked(tmp_path, part="2/2"):
        with (
            pytest.raises(InputError, match="one process at a time may work on part 1/2 of"),
            locked(tmp_path, part="1/2"),
        ):
            pass
        with pytest.raises(InputError, match="one process at a time may work in"), locked(tmp_path):
            pass
    with locked(tmp_path), pytest.raises(InputError, match="one process at a time"), locked(tmp_path, part="1/2"):
        pass


def test_a_stage_of_which_others_have_still_to_do_their_part_leaves_no_receipt(fresh, ticks):
    assert run_stage(fresh, "one", (), lambda: None, ticks.append)
    assert not fresh.path("receipts", "one.json").exists()
    assert _stage(fresh, "one", (), [], ticks)


def test_a_clock_that_is_set_back_between_stages_makes_nothing_out_of_date(fresh, ticks, monkeypatch):
    log: list[str] = []
    for year, name, after in ((2030, "one", ()), (2029, "two", ("one",)), (1999, "three", ("two",))):
        monkeypatch.setattr(stages, "utc_now", lambda year=year: datetime(year, 1, 1, tzinfo=UTC))
        for _ in range(2):
            _stage(fresh, name, after, log, ticks)
    assert log == ["one", "two", "three"]
    assert all(receipt.seconds >= 0 for receipt in receipts(fresh))


def test_the_lock_goes_when_the_work_fails(tmp_path):
    with pytest.raises(RuntimeError, match="broken"), locked(tmp_path):
        raise RuntimeError("broken")
    with locked(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_only_who_makes_a_folder_may_lock_one_that_is_not_there(tmp_path):
    with (
        pytest.raises(InputError, match=r"a run is a folder, but .* is none.*gennari sample"),
        locked(tmp_path / "new"),
    ):
        pass
    assert not (tmp_path / "new").exists()
    with locked(tmp_path / "new", make=True):
        assert (tmp_path / "new").is_dir()
