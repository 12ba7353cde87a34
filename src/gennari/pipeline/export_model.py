"""What `gennari export` writes of a fine-tuned network: a folder with which others can use it, with ours or without."""

from importlib.metadata import version
from pathlib import Path

from gennari.execute import Report, Tick
from gennari.nets.program import TOLERANCE, write_program
from gennari.nets.weights import describe, load_area_unet, save_net
from gennari.pipeline.evaluation import Summary
from gennari.pipeline.learning import normalisation, weights_path
from gennari.pipeline.model_card import model_card
from gennari.pipeline.models import CARD, CONFIG, WEIGHTS, ModelConfig
from gennari.pipeline.stages import Provenance, Run, is_finished
from gennari.sources.atomic import write_json, write_text
from gennari.sources.documents import file_digest, read_json
from gennari.sources.manifests import LabelSetEntry

PROGRAM, ATLAS_PROGRAM, PARITY = "areas.pt2", "areas_with_atlas.pt2", "parity.json"


def write_model(run: Run, variant: str, made: Path, tick: Report) -> None:
    """Write weights.safetensors, config.json, README.md (the card), the programs of torch.export and parity.json.

    Raises:
        ValueError: a program does not agree with the network.
    """
    net = load_area_unet(weights_path(run, variant), run.experiment.texture.encoder)
    save_net(made / WEIGHTS, net, {"data": run.dataset.manifest.name, "data_licence": run.dataset.manifest.licence})
    config = model_config(run, variant, made / WEIGHTS)
    write_json(made / CONFIG, config)
    summary = read_json(run.path("summary.json"), Summary) if is_finished(run, "evaluate") else None
    write_text(made / CARD, model_card(config, summary))
    grey, window_px = config.normalisation, run.experiment.finetune.window_px
    programs = {PROGRAM: False, ATLAS_PROGRAM: True} if net.atlas_channels else {PROGRAM: False}
    parity: dict[str, object] = {"window_px": window_px, "tolerance": TOLERANCE}
    for done, (name, with_atlas) in enumerate(programs.items(), start=1):
        difference = write_program(made / name, net, grey.mean, grey.std, window_px, with_atlas)
        parity[name] = {"largest_difference": difference}
        tick(Tick("export model", done, len(programs), name))
    write_json(made / PARITY, parity)


def model_config(run: Run, variant: str, weights: Path) -> ModelConfig:
    """The config that goes with a run's weights.

    Args:
        run: that trained them.
        variant: which of its networks.
        weights: the file.
    """
    saved, dataset = read_json(run.path("provenance.json"), Provenance), run.dataset
    return ModelConfig(
        name=f"{run.experiment.name}-{variant}",
        net=describe(load_area_unet(weights, run.experiment.texture.encoder)),
        normalisation=normalisation(run),
        label_set=LabelSetEntry.of(dataset.label_set),
        experiment=run.experiment,
        variant=variant,
        data=dataset.manifest.name,
        data_licence=dataset.manifest.licence,
        data_fingerprint=saved.dataset_fingerprint,
        synthetic=any((brain.folder / "truth").exists() for brain in dataset.brains()),
        gennari=version("gennari"),
        revision=saved.git,
        weights_sha256=file_digest(weights),
    )
