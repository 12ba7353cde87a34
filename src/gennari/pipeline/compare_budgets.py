"""Which annotated sections a small label budget has: nested choices, spread over the brains, covering the areas."""

from collections.abc import Collection, Mapping, Sequence

from gennari.pipeline.section_store import Place


def nested_subset(classes: Mapping[Place, Collection[int]], count: int) -> tuple[Place, ...]:
    """The first `count` sections of one greedy order, so that a smaller budget is a part of a larger one.

    Next comes the section that shows the most areas which none chosen before shows; among equals one of the brain that
    was chosen least, then the one farthest (in its brain's order) from those chosen of it, then the first.

    Args:
        classes: areas annotated on each section, for all sections there are, in any order.
        count: at least as many as there are sections gives all of them.
    """
    order = sorted(classes)
    chosen: list[Place] = []
    covered: set[int] = set()
    while len(chosen) < min(count, len(order)):
        left = [place for place in order if place not in chosen]
        best = max(left, key=lambda place: _worth(place, classes, chosen, covered, order))
        chosen.append(best)
        covered |= set(classes[best])
    return tuple(sorted(chosen))


def uncovered(classes: Mapping[Place, Collection[int]], chosen: Sequence[Place], areas: Collection[int]) -> list[int]:
    """Areas that no chosen section shows."""
    shown = {index for place in chosen for index in classes[place]}
    return sorted(set(areas) - shown)


def _worth(
    place: Place,
    classes: Mapping[Place, Collection[int]],
    chosen: Sequence[Place],
    covered: Collection[int],
    order: Sequence[Place],
) -> tuple[int, int, int, int]:
    """What decides between sections, the weightiest first."""
    of_brain = [other for other in order if other[0] == place[0]]
    taken = [of_brain.index(other) for other in chosen if other[0] == place[0]]
    apart = min((abs(of_brain.index(place) - other) for other in taken), default=len(of_brain))
    return len(set(classes[place]) - set(covered)), -len(taken), apart, -order.index(place)
