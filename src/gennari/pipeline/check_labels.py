"""The doctor's look at annotations and atlas: what can be learned from them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gennari.errors import InputError
from gennari.pipeline.findings import Finding
from gennari.pipeline.import_atlas import coverage
from gennari.records import Hemisphere, LabelSet
from gennari.sources.annotations import read_annotation
from gennari.sources.dataset import Brain

FEW_MM2 = 1.0
"""An area that is annotated on less than this teaches nothing."""


Annotated = Mapping[str, Mapping[int, float]]
"""class -> section -> annotated mm²."""


def annotated_mm2(brain: Brain) -> Annotated:
    """How much of each class is annotated, by section; InputError as `read_annotation`."""
    areas: dict[str, dict[int, float]] = defaultdict(dict)
    for section in brain.sections:
        path = brain.annotation(section.id)
        for piece in read_annotation(path, brain.label_set) if path else ():
            of_class = areas[brain.label_set.names[piece.class_index]]
            area = piece.geometry.area * (section.spacing_um / 1000) ** 2
            of_class[section.id] = of_class.get(section.id, 0.0) + area
    return areas


def check_annotations(brains: Sequence[Brain]) -> list[Finding]:
    """Labels per brain and class."""
    findings, known = [], {}
    for brain in brains:
        try:
            known[brain.name] = annotated_mm2(brain)
        except InputError as error:
            findings.append(Finding("annotations", "wrong", str(error), "import the annotations anew", brain.name))
            continue
        count = len({number for sections in known[brain.name].values() for number in sections})
        if brain.manifest.role == "pretext":
            level, mend = "good", ""
        else:
            level = "good" if count > 1 else "doubtful" if count else "wrong"
            mend = "" if count > 1 else "run `gennari import annotations`, or make it a pretext brain"
        found = f"{count} of {len(brain.sections)} sections annotated ({brain.manifest.role} brain)"
        findings.append(Finding("annotations", level, found, mend, brain.name))
    if brains and any(areas for areas in known.values()):
        findings += _check_classes(known, brains[0].label_set)
    return findings


def check_atlas(brain: Brain, hemispheres: Sequence[Hemisphere]) -> list[Finding]:
    """Where areas are expected, and whether the atlas is of these surfaces."""
    labels = brain.label_set
    if not brain.manifest.atlas:
        mend = "run `gennari import atlas`, or choose a recipe without the prior"
        return [Finding("atlas", "doubtful", "none", mend, brain.name)]
    try:
        probabilities = brain.atlas()
    except InputError as error:
        return [Finding("atlas", "wrong", str(error), "import the atlas anew", brain.name)]
    for hemisphere, values in zip(hemispheres, probabilities, strict=True):
        if len(values) != len(hemisphere.medial_wall):
            found = f"{len(values)} values on side {hemisphere.side} of {len(hemisphere.medial_wall)} vertices"
            return [Finding("atlas", "wrong", found, "import the atlas of these surfaces", brain.name)]
    (left, right), expected = coverage(hemispheres, probabilities, labels)
    empty = [name for name, area in expected.items() if area == 0]
    found = f"some area is expected on {100 * left:.0f} % (L) and {100 * right:.0f} % (R) of the cortex"
    if min(left, right) < 0.2 * max(left, right):
        mend = "one side is all but empty: check which file is which side"
        return [Finding("atlas", "wrong", found, mend, brain.name)]
    if empty:
        text = f"{found}; never {', '.join(empty)}"
        return [Finding("atlas", "doubtful", text, "import an atlas that knows them", brain.name)]
    return [Finding("atlas", "good", found, "", brain.name)]


def _check_classes(known: Mapping[str, Annotated], labels: LabelSet) -> list[Finding]:
    findings = []
    absent, scarce, single = [], [], []
    counts = []
    for name in labels.names:
        total = sum(sum(areas.get(name, {}).values()) for areas in known.values())
        brains = [brain for brain, areas in known.items() if areas.get(name)]
        sections = sum(len(areas.get(name, {})) for areas in known.values())
        if sections:
            counts.append(f"{name} {total:.0f} mm² in {sections}")
        if total == 0:
            absent.append(name)
        elif total < FEW_MM2:
            scarce.append(f"{name} ({total:.2f} mm²)")
        elif sections == 1 or (len(brains) == 1 and sum(map(bool, known.values())) > 1):
            single.append(name)
    findings.append(Finding("classes", "good", "; ".join(counts) + " sections"))
    if absent:
        mend = "annotate them, or take them out of the label set: a network cannot learn them"
        level = "wrong" if not any(name in labels.areas and name not in absent for name in labels.names) else "doubtful"
        findings.append(Finding("classes", level, f"never annotated: {', '.join(absent)}", mend))
    if scarce:
        findings.append(Finding("classes", "doubtful", f"hardly annotated: {', '.join(scarce)}", "annotate more"))
    if single:
        found = f"in one section or one brain only: {', '.join(single)}"
        findings.append(Finding("classes", "doubtful", found, "annotate more, else they cannot be learned and tested"))
    return findings
