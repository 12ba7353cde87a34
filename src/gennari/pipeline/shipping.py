"""How a model comes into the package: what may be shipped, and the copy of it."""

import shutil
from pathlib import Path

from gennari.errors import InputError
from gennari.pipeline.model_card import is_non_commercial
from gennari.pipeline.models import CARD, CONFIG, SHIPPED, WEIGHTS, open_model
from gennari.sources.atomic import atomic_path, write_json

LARGEST_MB = 5.0


def ship_model(source: Path, target: Path) -> float:
    """Copy weights, config and card of an exported model, under the name of the shipped one; returns their size in MB.

    Args:
        source: as `gennari export RUN --what model` leaves it.
        target: `models.shipped_folder()` of a checkout; must not be there yet.

    Raises:
        InputError: the model is larger than LARGEST_MB, trained on real sections or on data that may not be passed on
            freely, or damaged, or the target is there.
    """
    model = open_model(source)
    model.net()  # refuse weights that are not the config's
    megabytes = sum((source / name).stat().st_size for name in (WEIGHTS, CONFIG, CARD)) / 1e6
    if megabytes > LARGEST_MB:
        raise InputError(f"a shipped model has at most {LARGEST_MB:g} MB, got {megabytes:.1f}; train a narrower one")
    if not model.config.synthetic or is_non_commercial(model.config.data_licence):
        raise InputError(
            "a shipped model is trained on a phantom whose licence allows to pass it on, got "
            f"{model.config.data} ({model.config.data_licence}); use a phantom on fsaverage5"
        )
    if target.exists():
        raise InputError(f"a model is shipped to a new folder, but {target} is there already; move it away")
    with atomic_path(target) as made:
        made.mkdir()
        shutil.copyfile(source / WEIGHTS, made / WEIGHTS)
        write_json(made / CONFIG, model.config.model_copy(update={"name": SHIPPED}))
        card = (source / CARD).read_text(encoding="utf-8")
        (made / CARD).write_text(card.replace(f"# {model.config.name}\n", f"# {SHIPPED}\n", 1), encoding="utf-8")
    return megabytes
