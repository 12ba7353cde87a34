"""What a section's outputs are made from, as a hash: its image, its brain's surfaces and atlas, the recipe."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gennari.pipeline.digests import image_digest
from gennari.pipeline.stages import Run
from gennari.sources.dataset import fingerprint
from gennari.sources.precomputed import PREFIX
from gennari.sources.stores import is_url


@dataclass(frozen=True, kw_only=True)
class SectionInputs:
    """Gives the hash of a section; picklable, and fast enough to be asked of each section of a series.

    Attributes:
        images: where each section's image stands, by brain and number; paths are absolute.
        common: a hash of all else, by brain.
    """

    images: Mapping[tuple[str, int], str]
    common: Mapping[str, str]

    def __call__(self, brain: str, section: int) -> str:
        """The hash; an image on a server counts by its address, since nobody fetches it twice for this."""
        location = self.images[brain, section].removeprefix(PREFIX)
        image = location if is_url(location) else image_digest(Path(location.removeprefix("file://")))
        return hashlib.sha256(f"{self.common[brain]} {image}".encode()).hexdigest()


def section_inputs(run: Run) -> SectionInputs:
    """The hashes of all sections of a run's data set."""
    images, common = {}, {}
    recipe = f"{run.experiment.model_dump_json()} {fingerprint(run.dataset)}"
    for brain in run.dataset.brains():
        folders = [folder for folder in (brain.surfaces_folder, brain.folder / "atlas") if folder.is_dir()]
        common[brain.name] = " ".join([recipe, *map(image_digest, folders)])
        brain = replace(brain, folder=brain.folder.absolute())
        images |= {(brain.name, section.id): brain.image_location(section.id) for section in brain.sections}
    return SectionInputs(images=images, common=common)
