"""The stage that gives every pixel of sections a class: the held-out ones of a run, or all with a finished model."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.execute import Report, Tick, usable_cores
from gennari.nets.area_unet import AreaUNet
from gennari.nets.weights import load_area_unet
from gennari.pipeline.labelled import section_prior
from gennari.pipeline.learning import VARIANTS, normalisation, weights_path
from gennari.pipeline.models import Model
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.section_maps import read_section, write_map
from gennari.pipeline.stages import Run, run_stage
from gennari.records import Section
from gennari.train.devices import fastest_device

MODEL = "model"
"""What maps of a finished model are filed under, beside the run's own VARIANTS."""
_SUFFIX = "_probabilities.ome.zarr"
_Work = Callable[[bool], list[Path]]
PROBABILITIES = "segment-probabilities"


def segment_stage(run: Run, tick: Report, probabilities: bool = False) -> bool:
    """Segment the held-out sections with both networks.

    Args:
        run: where.
        tick: told of every section.
        probabilities: keep those of all classes too; a run that was segmented without is segmented again.
    """
    after = ("sample", *(f"finetune-{variant}" for variant in VARIANTS))

    def work(keep: bool) -> list[Path]:
        nets = {variant: load_area_unet(weights_path(run, variant)) for variant in VARIANTS}
        return _segment(run, nets, sections_of(run, "test"), normalisation(run), keep, tick)

    return _segmented(run, after, work, probabilities, tick)


def model_stage(run: Run, model: Model, tick: Report, probabilities: bool = False) -> bool:
    """Segment all sections of the run's data set with a finished model; as `segment_stage`.

    Raises:
        InputError: the model knows other classes than the data set.
    """
    own, given = model.label_set.names, run.dataset.label_set.names
    if own != given:
        raise InputError(
            f"a model gives the classes it was trained on ({', '.join(own)}), but data set "
            f"{run.dataset.manifest.name} has {', '.join(given)}; name the classes of the data set as the model does"
        )

    def work(keep: bool) -> list[Path]:
        sections = {brain.name: brain.sections for brain in run.dataset.brains()}
        return _segment(run, {MODEL: model.net()}, sections, model.normalisation, keep, tick)

    return _segmented(run, (), work, probabilities, tick)


def map_path(run: Run, variant: str, brain: str, section: int) -> Path:
    """Where a section's map stands."""
    return run.path("maps", variant, brain, f"{section:04d}.ome.zarr")


def probabilities_path(run: Run, variant: str, brain: str, section: int) -> Path:
    """Where the probabilities of a section's classes stand, if they were asked for."""
    return run.path("maps", variant, brain, f"{section:04d}{_SUFFIX}")


def mapped_sections(run: Run, variant: str) -> dict[str, tuple[Section, ...]]:
    """Sections that have a map of this variant, by brain; a brain without any is left out."""
    found = {}
    for brain in run.dataset.brains():
        mapped = tuple(s for s in brain.sections if map_path(run, variant, brain.name, s.id).is_dir())
        if mapped:
            found[brain.name] = mapped
    return found


def _segmented(run: Run, after: Sequence[str], work: _Work, probabilities: bool, tick: Report) -> bool:
    """The stage, and the one of its probabilities, which are a by-product where both are asked for at once."""
    made: list[Path] = []

    def maps() -> list[Path]:
        made.extend(work(probabilities))
        return [path for path in made if not _holds_probabilities(path)]

    done = run_stage(run, "segment", after, maps, tick)
    if probabilities:
        done |= run_stage(
            run, PROBABILITIES, ("segment",), lambda: list(filter(_holds_probabilities, made or work(True))), tick
        )
    return done


def _holds_probabilities(path: Path) -> bool:
    return path.name.endswith(_SUFFIX)


def _segment(
    run: Run,
    nets: Mapping[str, AreaUNet],
    wanted: Mapping[str, Sequence[Section]],
    grey: Normalisation,
    keep: bool,
    tick: Report,
) -> list[Path]:
    """Maps of the wanted sections by every network; `keep` their probabilities too."""
    torch.set_num_threads(usable_cores())
    config, label_set, outputs, done = run.experiment.texture, run.dataset.label_set, [], 0
    nets = {variant: net.to(fastest_device()) for variant, net in nets.items()}
    total = sum(len(sections) for sections in wanted.values())
    for name, sections in wanted.items():
        brain = run.dataset.brain(name)
        surfaces = (brain.hemispheres(), brain.atlas()) if brain.manifest.atlas else None
        for section in sections:
            prior = section_prior(*surfaces, section, config) if surfaces else None
            whole = read_section(brain, section, config)
            for variant, net in nets.items():
                paths = [map_path(run, variant, name, section.id)]
                if keep:
                    paths.append(probabilities_path(run, variant, name, section.id))
                write_map(net, whole, prior, grey, label_set, *paths)
                outputs += paths
            done += 1
            tick(Tick("segment", done, total, f"{name} {section.id}"))
    return outputs
