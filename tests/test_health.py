"""Better or worse: a device against its own past, and against those that got nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.health import Health, Snapshot, Thresholds, Verdict, compare

LIMITS = Thresholds(heap=0.2, signal=20.0, alone=1.5)
LAMP = Snapshot(heap=30_000.0, signal=80.0, nodes=("light",), firmware="lamp")
SAME, WORSE, BETTER, UNKNOWN = Verdict.SAME, Verdict.WORSE, Verdict.BETTER, Verdict.UNKNOWN


def judged(after: Snapshot, *siblings: tuple[Snapshot, Snapshot], before: Snapshot = LAMP) -> Health:
    return compare(before, after, [old for old, _ in siblings], [new for _, new in siblings], LIMITS)


def siblings(heap: float = 1.0, signal: float = 0.0, count: int = 3) -> list[tuple[Snapshot, Snapshot]]:
    """Untouched devices whose heap is so many times what it was, and their signal so many points stronger."""
    old = [Snapshot(20_000.0 + 100 * each, 70.0) for each in range(count)]
    new = [Snapshot((each.heap or 0) * heap, (each.signal or 0) + signal) for each in old]
    return list(zip(old, new, strict=True))


@pytest.mark.parametrize(
    ("heap", "of_siblings", "verdict", "text"),
    [
        (0.89, 0.90, SAME, "free heap −11 %, untouched −10 % (3 devices)"),
        (0.55, 1.00, WORSE, "free heap −45 %, untouched ±0 % (3 devices)"),
        (
            0.55,
            0.60,
            SAME,
            "free heap −45 %, untouched −40 % (3 devices)",
        ),  # all of them: not the image's doing
        (0.75, 1.25, WORSE, "free heap −25 %, untouched +25 % (3 devices)"),
        (0.95, 1.25, SAME, "free heap −5 %, untouched +25 % (3 devices)"),  # hardly less than before
        (1.40, 1.00, BETTER, "free heap +40 %, untouched ±0 % (3 devices)"),
    ],
)
def test_less_heap_is_harm_when_it_differs_from_before_and_from_the_untouched(
    heap: float, of_siblings: float, verdict: Verdict, text: str
) -> None:
    found = judged(replace(LAMP, heap=30_000 * heap), *siblings(heap=of_siblings))
    assert found.verdict is verdict
    assert found.findings[0].text == text


@pytest.mark.parametrize(
    ("signal", "of_siblings", "verdict"),
    [(78.0, 0.0, SAME), (50.0, 0.0, WORSE), (50.0, -25.0, SAME), (50.0, -5.0, WORSE), (102.0, 0.0, BETTER)],
)
def test_a_weaker_signal_is_harm_when_the_others_did_not_get_weaker(
    signal: float, of_siblings: float, verdict: Verdict
) -> None:
    assert judged(replace(LAMP, signal=signal), *siblings(signal=of_siblings)).verdict is verdict


def test_without_siblings_more_is_needed_since_nobody_says_what_the_weather_was() -> None:
    a_quarter_less = replace(LAMP, heap=22_500.0)
    assert judged(a_quarter_less, *siblings()).verdict is WORSE
    assert judged(a_quarter_less).verdict is SAME
    far_less = judged(replace(LAMP, heap=19_000.0))
    assert far_less.verdict is WORSE
    assert far_less.findings[0].text == "free heap −37 %, no untouched device to compare with"


def test_a_sibling_that_tells_nothing_counts_for_nothing() -> None:
    silent = (Snapshot(20_000.0, 70.0), Snapshot())
    assert judged(replace(LAMP, heap=15_000.0), silent, *siblings(count=1)).findings[0].text == (
        "free heap −50 %, untouched ±0 % (1 device)"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Snapshot(), LAMP),
        (LAMP, Snapshot()),
        (Snapshot(heap=0.0), LAMP),
        (Snapshot(heap=-5.0), Snapshot(heap=9.0)),
    ],
)
def test_what_is_not_known_is_never_harm(before: Snapshot, after: Snapshot) -> None:
    assert judged(after, *siblings(), before=before) == Health(UNKNOWN)


@pytest.mark.parametrize(
    ("nodes", "firmware", "verdict", "text"),
    [
        (("light", "relay"), "lamp", SAME, ""),
        (("light",), "lamp", WORSE, "without the node relay"),
        (("x",), "lamp", WORSE, "without the nodes light, relay"),
        (("light",), "plug", SAME, "without the node relay, as another firmware may be"),
        ((), "lamp", WORSE, "without the nodes light, relay"),
        (None, "lamp", SAME, ""),  # it did not tell its nodes
    ],
)
def test_a_missing_node_is_harm_unless_it_is_another_firmware(
    nodes: tuple[str, ...] | None, firmware: str, verdict: Verdict, text: str
) -> None:
    before = replace(LAMP, nodes=("light", "relay"))
    found = judged(replace(LAMP, nodes=nodes, firmware=firmware), before=before)
    assert found.verdict is verdict
    assert "; ".join(each.text for each in found.findings if each.code == "node-missing") == text


def test_the_worst_finding_is_the_verdict_and_all_are_told() -> None:
    found = judged(replace(LAMP, heap=60_000.0, signal=20.0), *siblings())
    assert found.verdict is WORSE
    assert found.worst is not None
    assert found.worst.code == "worse-signal"
    assert (
        found.text
        == "free heap +100 %, untouched ±0 % (3 devices); signal −60 points, untouched ±0 points (3 devices)"
    )


NUMBERS = st.none() | st.floats(0, 1e6)
SNAPSHOTS = st.builds(Snapshot, heap=NUMBERS, signal=NUMBERS)


@given(SNAPSHOTS, SNAPSHOTS, st.lists(st.tuples(SNAPSHOTS, SNAPSHOTS), max_size=5))
def test_what_happened_to_all_alike_is_never_harm(
    before: Snapshot, after: Snapshot, others: list[tuple[Snapshot, Snapshot]]
) -> None:
    assert judged(after, (before, after), before=before).verdict is not WORSE
    assert judged(before, *others, before=before).verdict in (SAME, UNKNOWN)
    assert judged(after, *others, before=before).verdict in Verdict
