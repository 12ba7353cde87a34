"""What a network knows of areas before anybody teaches it: a linear probe on the labelled brains' sections."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Integer, UInt8

from gennari.apply.features import branch_features
from gennari.apply.probe import fit_probe
from gennari.data.pixels import Normalisation
from gennari.metrics.overlap import confusion, dice_per_class, macro_dice
from gennari.nets.siamese import SiameseNet
from gennari.pipeline.section_store import Place, SectionStore
from gennari.records import BACKGROUND_GREY, IGNORE, LabelSet

PER_CLASS = 40
"""Places of each class and section, at most."""


def probe_f1(
    net: SiameseNet,
    store: SectionStore,
    normalisation: Normalisation,
    train: Sequence[Place],
    test: Sequence[Place],
    label_set: LabelSet,
    seed: int,
) -> float:
    """Macro-F1 over the areas and other cortex of a linear probe on features of patches as the sections lie.

    It learns from annotated places of `train` and is asked about places of `test` by their truth.

    Raises:
        ValueError: nothing of cortex is annotated on `train`.
    """
    cortex = label_set.first_area - 1
    classes = len(label_set.names)
    features, labels = [], []
    for which, (places, truth) in enumerate(((train, False), (test, True))):
        parts, found = [], []
        for number, place in enumerate(places):
            section = store.labelled(*place)
            known = np.asarray(store.truth(*place) if truth else section.labels)
            at = drawn_places(known, cortex, np.random.default_rng([seed, which, number]))
            centres_px = (at + 0.5) * net.config.output_stride_px
            images = patches_at(np.asarray(section.image), centres_px, net.config.patch_px)
            parts.append(branch_features(net, images, normalisation))
            found.append(known[at[:, 0], at[:, 1]].astype(np.int64))
        features.append(np.concatenate(parts))
        labels.append(np.concatenate(found))
    probe = fit_probe(features[0], labels[0], classes)
    counts = confusion(labels[1], probe.classify(features[1]), classes)
    return macro_dice(dice_per_class(counts), range(cortex, classes))  # the F1 of a class is its Dice


def drawn_places(
    labels: Integer[np.ndarray, "h w"], first: int, rng: np.random.Generator, per_class: int = PER_CLASS
) -> Int[np.ndarray, "n 2"]:
    """Row and col of at most `per_class` pixels of each class from `first` on, drawn without replacement."""
    found = [np.zeros((0, 2), np.int64)]
    for index in np.unique(labels[(labels >= first) & (labels != IGNORE)]):
        at = np.argwhere(labels == index)
        found.append(at[rng.permutation(len(at))[:per_class]])
    return np.concatenate(found)


def patches_at(image: UInt8[np.ndarray, "h w"], centres_px: np.ndarray, side_px: int) -> UInt8[np.ndarray, "n s s"]:
    """Square cuts around centres (row and col, in pixels from the outer corner); beyond the image is background."""
    padded = np.pad(image, side_px, constant_values=BACKGROUND_GREY)
    corner = np.rint(np.asarray(centres_px) - side_px / 2).astype(int) + side_px
    corner = np.clip(corner, 0, np.array(padded.shape) - side_px)
    cuts = [padded[row : row + side_px, col : col + side_px] for row, col in corner]
    return np.stack(cuts) if cuts else np.zeros((0, side_px, side_px), np.uint8)
