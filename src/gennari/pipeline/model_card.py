"""The model card: what a model is for, what it was measured to do, and what the licence of its data means for it."""

import re

from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.evaluation import Summary
from gennari.pipeline.models import CONFIG, WEIGHTS, ModelConfig
from gennari.pipeline.words import CITATION

NON_COMMERCIAL = (
    "The licence of the training data forbids commercial use. Whether weights are adapted material of the data they "
    "were trained on is not settled in law; we treat them as such: these weights may be used, changed and passed on "
    "for non-commercial purposes only."
)
SHARE_ALIKE = (
    "It also asks that adapted material is passed on under the same licence: models that are fine-tuned from these "
    "weights, and maps made with them, should carry the licence and the attribution of the training data."
)
FREE = (
    "The licence of the training data, as the data set states it, names neither a ban on commercial use nor a duty to "
    "share alike. Read it before you pass the weights on; the attribution it asks for goes with them."
)


def model_card(config: ModelConfig, summary: Summary | None) -> str:
    """The text of README.md, with the header that model hubs read.

    Args:
        config: of the model.
        summary: of its evaluation on held-out sections; None where there was none.
    """
    chapters = [
        _header(config),
        f"# {config.name}",
        _what(config),
        f"## Intended use\n\n{_use(config)}",
        f"## Licence\n\n{licence_words(config.data_licence)}",
        f"## What was measured\n\n{_measured(config, summary)}",
        f"## How to use it\n\n{_how(config)}",
        f"## Where it comes from\n\n{_origin(config)}",
        f"## Citation\n\n{CITATION}",
    ]
    return "\n\n".join(chapters) + "\n"


def licence_words(licence: str) -> str:
    """What the data's licence is, and what it means for weights; the code's own licence does not cover them."""
    words = [f"Training data: {licence.rstrip('. ')}.", "The code of gennari is Apache-2.0; that covers no weights."]
    if not is_non_commercial(licence) and not _shares_alike(licence):
        return " ".join([*words, FREE])
    words += [NON_COMMERCIAL] if is_non_commercial(licence) else []
    words += [SHARE_ALIKE] if _shares_alike(licence) else []
    return " ".join(words)


def is_non_commercial(licence: str) -> bool:
    """Whether a licence names NC or non-commercial."""
    return bool(re.search(r"\bNC\b|non-?\s?commercial", licence, re.IGNORECASE))


def _shares_alike(licence: str) -> bool:
    return bool(re.search(r"\bSA\b|share-?\s?alike", licence, re.IGNORECASE))


def _header(config: ModelConfig) -> str:
    kind = "cc-by-nc-sa-4.0" if re.search(r"CC[ -]BY-NC-SA[ -]4\.0", config.data_licence, re.IGNORECASE) else "other"
    tags = ("histology", "brain", "cytoarchitecture", "image-segmentation")
    return "\n".join(
        ["---", f"license: {kind}", "library_name: gennari", "tags:", *(f"- {tag}" for tag in tags), "---"]
    )


def _what(config: ModelConfig) -> str:
    texture, names = config.net.config, config.label_set.names
    atlas = "It takes an atlas prior as a second input, and runs without." if config.net.atlas_channels else ""
    slot = "" if texture.encoder == "paper" else f" with encoder {texture.encoder}"
    start = "the Siamese network pre-trained on distances along the cortex" if config.variant == "pretrained" else (
        "random weights"
    )  # fmt: skip
    return (
        f"A U-Net{slot} that gives one of {len(names)} classes to each pixel of a cell-body-stained section: "
        f"{', '.join(names)}. Input: grey values at {texture.spacing_um:g} µm, output at "
        f"{output_spacing_um(texture):g} µm. Its image branch began with {start}. {atlas}".rstrip()
    )


def _use(config: ModelConfig) -> str:
    synthetic = (
        " It has seen synthetic sections only: its maps of real tissue show that the software runs, and are no finding."
        if config.synthetic
        else ""
    )
    return (
        "Research on cytoarchitecture: a first map of sections of the same stain and pixel size, to be corrected by an "
        "anatomist, or a start for further training. Not for diagnosis or any clinical decision, and not a substitute "
        "for areas mapped by an observer-independent method. Other stains, species, planes of section and scanners are "
        f"outside of what it knows; there it is wrong without saying so.{synthetic}"
    )


def _measured(config: ModelConfig, summary: Summary | None) -> str:
    if summary is None or config.variant not in summary.methods:
        return "Nothing: the run it comes from was not evaluated on held-out sections."
    found = summary.methods[config.variant]
    lines = [
        f"On {summary.sections} held-out sections of {config.data}{' (synthetic)' if config.synthetic else ''}"
        f"{', annotated pixels alone' if summary.reference == 'annotations' else ''}:",
        "",
        "| figure | value |",
        "|---|---|",
        f"| Dice, mean over areas | {found.dice:.3f} |",
        f"| err_seg (Yasnoff 1977) | {found.err_seg:.2f} |",
        f"| mean distance of pixels to their class | {found.pixel_distance_um:.0f} µm |",
        f"| wrong pixels | {100 * found.wrong_share:.1f} % |",
        *(
            f"| Dice of {name} | {'not on these sections' if dice is None else f'{dice:.3f}'} |"
            for name, dice in zip(config.label_set.names, found.dice_by_class, strict=True)
            if name in config.label_set.names[config.label_set.first_area :]
        ),
    ]
    return "\n".join(lines)


def _how(config: ModelConfig) -> str:
    return (
        f"`gennari segment NEW_RUN --dataset DATASET --model THIS_FOLDER`. Without gennari: `torch.export.load` of the "
        f"`.pt2` files gives a program from grey values 0..255, (b, 1, h, w), to probabilities; `{CONFIG}` holds the "
        f"layers of `{WEIGHTS}`, the normalisation (grey / 255 - {config.normalisation.mean:.6g}) / "
        f"{config.normalisation.std:.6g}, and the classes in their order."
    )


def _origin(config: ModelConfig) -> str:
    return (
        f"gennari {config.gennari}, revision {config.revision}; recipe '{config.experiment.name}', all of whose "
        f"settings are in `{CONFIG}`; data set '{config.data}', fingerprint {config.data_fingerprint}; SHA-256 of the "
        f"weights {config.weights_sha256}."
    )
