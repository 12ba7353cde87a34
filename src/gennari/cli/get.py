"""`gennari get bigbrain`: list, then fetch files of the BigBrain release."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gennari.cli.progress import progress
from gennari.errors import InputError
from gennari.pipeline.fetching import Plan, check_kept, check_room, fetch, plan_fetch, plan_words
from gennari.pipeline.stages import locked
from gennari.sources.bigbrain import LICENCE
from gennari.sources.bigbrain_release import (
    BASE_URL,
    BASE_URL_1UM,
    Release,
    ReleaseFile,
    layer_files,
    section_files,
    section_numbers,
    surface_files,
)
from gennari.sources.downloads import Patience, read_hashes


def get(
    what: Literal["bigbrain"],
    out: Path,
    *,
    sections: str | None = None,
    release: Release = "20um",
    form: Literal["png", "mnc"] = "png",
    surfaces: bool = False,
    layers: bool = False,
    base_url: str = BASE_URL,
    base_url_1um: str = BASE_URL_1UM,
    max_gb: float = 20.0,
    sha256: Path | None = None,
    verify: bool = False,
    dry_run: bool = False,
    timeout_s: float = 30.0,
    tries: int = 5,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """List files of the BigBrain release with their sizes and licence, then fetch them; run again to go on.

    Files stand in the folder as in the release, so that `gennari import` knows them; LICENCE.txt and fetched.json
    (addresses, hashes) beside them.

    Args:
        what: bigbrain.
        out: folder to fetch to, made if it is not there.
        sections: numbers and ranges, such as 1001,2000-2100,3000-4000:50, or all.
        release: 20um (7404 coronal sections) or 1um (145 of them, large, each with its affine).
        form: of the 20 µm sections.
        surfaces: pial and white surfaces too.
        layers: the surfaces between the six cortical layers too.
        base_url: of all but the 1 µm sections; below it lies BigBrainRelease.2015.
        base_url_1um: of the 1 µm sections; below it lies aligned.
        max_gb: refuse to fetch more than this.
        sha256: hashes to check files against, as `sha256sum` writes them.
        verify: read the files that are there already, and compare them with what was noted when they were fetched.
        dry_run: list only.
        timeout_s: how long a connection or a read may stall.
        tries: how often in sequence a server may fail.
        as_json: print one JSON line last.
    """
    files = _sections(sections, release, base_url_1um if release == "1um" else base_url, form)
    files += surface_files(base_url) if surfaces else []
    files += layer_files(base_url) if layers else []
    if not files:
        raise InputError(f"say what to get of {what}: --sections, --surfaces or --layers")
    hashes, patience = read_hashes(sha256) if sha256 else {}, Patience(timeout_s=timeout_s, tries=tries)
    with progress() as tick:
        plan = plan_fetch(out, files, LICENCE, patience, tick)
    sys.stdout.write(plan_words(plan) + "\n")
    sys.stdout.flush()  # to be read before the first byte comes
    check_room(plan, round(1e9 * max_gb))
    made: list[Path] = []
    if not dry_run:
        with locked(out, make=True), progress() as tick:
            check_kept(plan, hashes, verify, tick)
            made = fetch(plan, patience, hashes, tick)
    if as_json:
        sys.stdout.write(json.dumps(_figures(plan, made)) + "\n")


def _sections(listed: str | None, release: Release, base_url: str, form: Literal["png", "mnc"]) -> list[ReleaseFile]:
    return section_files(section_numbers(listed, release), release, base_url, form) if listed is not None else []


def _figures(plan: Plan, made: list[Path]) -> dict[str, object]:
    files = [
        {"path": planned.file.path, "url": planned.remote.url, "bytes": planned.remote.length, "state": planned.state}
        for planned in plan.files
    ]
    return {"missing_bytes": plan.missing, "fetched": len(made), "files": files, "licence": plan.licence}
