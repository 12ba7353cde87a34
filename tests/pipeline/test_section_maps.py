"""`segment` as tasks: the maps are the same wherever they are made, and only what changed is made again."""

import json
import shutil
from pathlib import Path

import pytest

from gennari.errors import InputError
from gennari.pipeline import maps
from gennari.pipeline.executors import ExecutorChoice
from gennari.pipeline.learning import VARIANTS, weights_path
from gennari.pipeline.maps import mapped_sections, segment_section, segment_stage
from gennari.pipeline.section_inputs import section_inputs
from gennari.pipeline.section_maps import MapOptions
from gennari.pipeline.section_tasks import Part, Spread
from gennari.pipeline.stages import Run, is_finished, open_run
from gennari.sources.precomputed import PREFIX


@pytest.fixture
def run(copied: Path) -> Run:
    """The finished run before its maps."""
    for stage in ("segment", "evaluate", "report"):
        (copied / "run/receipts" / f"{stage}.json").unlink()
    return open_run(copied / "run")


@pytest.fixture
def segmented(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Filled with what is segmented in this process."""
    real, called = segment_section, []

    def noted(root: Path, brain: str, section: int, keep: bool, options: MapOptions) -> list[Path]:
        called.append((brain, section))
        return real(root, brain, section, keep, options)

    monkeypatch.setattr(maps, "segment_section", noted)
    return called


def _all(run: Run) -> list[tuple[str, int]]:
    return [(brain, section.id) for brain, found in mapped_sections(run, "pretrained").items() for section in found]


def _hashes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_local_workers_leave_the_same_maps(run, ticks):
    before = _hashes(run.path("maps"))
    shutil.rmtree(run.path("maps"))
    shutil.rmtree(run.path("tasks"))
    assert segment_stage(run, ticks.append, spread=Spread(executor=ExecutorChoice(kind="local", count=2)))
    assert _hashes(run.path("maps")) == before
    assert is_finished(run, "segment")


def test_a_stage_whose_receipt_was_lost_finds_its_sections_again(run, ticks, segmented):
    assert segment_stage(run, ticks.append)
    assert segmented == []
    assert ticks[-1].note == "already finished"
    assert is_finished(run, "segment")


def test_parts_leave_the_receipt_of_the_stage_to_the_last_one(run, ticks, segmented):
    everything = _all(run)
    shutil.rmtree(run.path("tasks"))
    segment_stage(run, ticks.append, spread=Spread(part=Part(index=2, count=2)))
    assert segmented == everything[1::2]
    assert not is_finished(run, "segment")
    segment_stage(run, ticks.append, probabilities=True, spread=Spread(part=Part(index=1, count=2)))
    assert not is_finished(run, "segment-probabilities"), "half of the sections have none"
    segment_stage(run, ticks.append, probabilities=True)
    assert is_finished(run, "segment-probabilities")


def test_only_the_section_whose_image_changed_is_made_again(run, ticks, segmented):
    brain, section = _all(run)[1]
    image = run.dataset.brain(brain).image_path(section)
    (image / "note.txt").write_text("scanned again")
    segment_stage(run, ticks.append)
    assert segmented == [(brain, section)]


def test_other_weights_make_all_maps_again(run, ticks, segmented):
    shutil.copyfile(weights_path(run, VARIANTS[0]), weights_path(run, VARIANTS[1]))
    segment_stage(run, ticks.append)
    assert segmented == _all(run)


def test_flips_make_all_maps_again_and_are_another_configuration(run, ticks, segmented):
    before = _hashes(run.path("maps"))
    segment_stage(run, ticks.append, options=MapOptions(flips="columns"))
    assert segmented == _all(run)
    assert _hashes(run.path("maps")) != before
    with pytest.raises(InputError, match=r"stage segment .* was finished with another configuration"):
        segment_stage(run, ticks.append)


def test_probabilities_that_are_to_be_calibrated_must_be_kept(run, ticks):
    with pytest.raises(InputError, match="calibration changes probabilities, and maps not at all, but none are kept"):
        segment_stage(run, ticks.append, options=MapOptions(calibrate=True))


def test_a_section_that_cannot_be_read_is_named_and_the_others_are_done(run, ticks, segmented):
    shutil.rmtree(run.path("tasks"))
    brain, section = _all(run)[0]
    shutil.rmtree(run.dataset.brain(brain).image_path(section))
    with pytest.raises(InputError, match=rf"1 of 4 sections of segment failed, .*: {brain} {section}: "):
        segment_stage(run, ticks.append)
    assert segmented == _all(run)
    assert not is_finished(run, "segment")


def test_hashes_know_surfaces_and_addresses(run):
    before = section_inputs(run)
    brain, section = _all(run)[0]
    surfaces = run.dataset.brain(brain).surfaces_folder
    (surfaces / "more.txt").touch()
    after = section_inputs(run)
    assert before(brain, section) != after(brain, section)
    assert before("P", next(id for name, id in before.images if name == "P")) == after(
        "P", next(id for name, id in after.images if name == "P")
    )
    manifest = surfaces.parent / "brain.json"
    index = json.loads(manifest.read_text())
    for entry in index["sections"]:
        entry["image"] = f"{PREFIX}https://example.org/{entry['id']}"
    manifest.write_text(json.dumps(index))
    far = section_inputs(run)
    assert len({far(brain, id) for name, id in far.images if name == brain}) == len(index["sections"])
