"""The soak after an update: what a device shows of itself, in any order, and what it comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import State
from homie_ota.rollout import reasons, soak
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.proof import AnnounceNews, News, StateNews, StatsNews
from homie_ota.rollout.soak import Found, Soak, Terms, due
from homie_ota.rollout.verification import (
    EXCUSES,
    RESTARTS,
    Compared,
    Judgement,
    Neighbours,
    OnRestart,
    judge,
    step,
)

TERMS = Terms(soak=120.0, intervals=3, wakes=3, ready=180.0, away=240.0)
BACK = 1000.0
"""When the device of these tests announced the target."""
LAMP = Soak(since=BACK, told=True, interval=60.0)
SLEEPER = replace(LAMP, interval=60.0, every=900.0)
MUTE = replace(LAMP, told=False)


def state(at: float, word: State, *, live: bool = True) -> StateNews:
    return StateNews(BACK + at, word, live)


def ready(at: float, *, live: bool = True) -> StateNews:
    return state(at, State.READY, live=live)


def again(at: float) -> AnnounceNews:
    """It announces the target once more."""
    return AnnounceNews(BACK + at, "lamp", "2.0.0", "b" * 32, True)


def stats(at: float, uptime: float | None, heap: float | None = 30_000.0) -> StatsNews:
    return StatsNews(BACK + at, uptime, heap, 80.0)


def steady(until: float, *, since: float = 1.0, booted: float = 0.0, every: float = 60.0) -> list[News]:
    """Statistics as they come from a device that booted at `booted`."""
    count = int((until - since) // every) + 1
    return [stats(since + every * n, round(since + every * n - booted)) for n in range(count)]


def play(start: Soak, *news: News, terms: Terms = TERMS) -> tuple[Soak, Found | None, float | None]:
    """The soak after these news, what was found first, and when (in seconds since the device came back)."""
    for each in news:
        start, found = step(start, each, terms)
        if found is not None:
            return start, found, each.at - BACK
    return start, None, None


def clock(of: Soak, *, listening_since: float = 0.0, terms: Terms = TERMS) -> tuple[float, Found]:
    """What the clock finds next, and when."""
    at, found = due(of, terms, listening_since and BACK + listening_since)
    return at - BACK, found


# --- the good way --------------------------------------------------------------------------------------------------


def test_a_device_that_stays_is_done_after_three_intervals_of_statistics() -> None:
    after, found, at = play(LAMP, ready(1), *steady(600))
    assert (found, at) == (Found.DONE, 181.0)
    assert after.restarts == 0
    assert after.rounds == 4, "the first round comes with `ready` and counts for nothing"


def test_it_takes_two_minutes_at_least_however_often_it_tells_statistics() -> None:
    _, found, at = play(replace(LAMP, interval=5.0), ready(1), *steady(600, every=5.0))
    assert found is Found.DONE
    assert at == 121.0


def test_when_the_statistics_came_before_the_time_was_over_the_clock_ends_it() -> None:
    after, found, _ = play(replace(LAMP, interval=30.0), ready(1), *steady(100, every=30.0))
    assert found is None
    assert clock(after) == (121.0, Found.DONE)


def test_one_without_statistics_is_done_after_the_least_time_and_never_waits_without_an_end() -> None:
    after, found, _ = play(MUTE, ready(1))
    assert found is None
    assert clock(after) == (121.0, Found.DONE)


def test_statistics_that_come_once_an_hour_or_less_are_not_waited_for() -> None:
    after, _, _ = play(replace(LAMP, interval=1e8), ready(1), stats(1, 1))
    assert clock(after) == (121.0, Found.DONE)


def test_one_that_says_no_interval_is_taken_for_the_usual_one() -> None:
    after, _, _ = play(replace(LAMP, interval=0.0), ready(1), stats(1, 1))
    assert clock(after) == (1 + 3 * 65.0, Found.SILENT)


def test_without_a_soak_the_first_ready_is_the_end() -> None:
    nothing = Terms(soak=0.0, intervals=0, wakes=0)
    assert play(LAMP, ready(1), terms=nothing)[1] is Found.DONE
    assert play(LAMP, ready(1, live=False), terms=nothing)[1] is Found.DONE
    assert play(LAMP, state(1, State.INIT), terms=nothing)[1] is None


# --- restarts ------------------------------------------------------------------------------------------------------


def reboot(at: float) -> list[News]:
    """It goes, comes back and tells that it just booted."""
    return [
        state(at, State.LOST),
        state(at + 4, State.INIT),
        again(at + 4.1),
        ready(at + 4.2),
        stats(at + 4.3, 2),
    ]


def test_what_a_restart_means_is_a_table_without_a_gap() -> None:
    assert sorted(RESTARTS) == list(range(1, len(RESTARTS) + 1))
    assert RESTARTS[1] is OnRestart.BEGIN_ANEW
    assert RESTARTS[max(RESTARTS)] is OnRestart.HARM


def test_one_restart_costs_a_whole_new_soak_and_is_told() -> None:
    news = [ready(1), stats(1, 1), *reboot(20), *steady(600, since=84.3, booted=22.3)]
    after, found, at = play(LAMP, *news)
    assert (found, after.restarts) == (Found.DONE, 1)
    assert at == pytest.approx(24.3 + 180)
    judged = judge(Found.DONE, after, Compared(), Neighbours(), TERMS, BACK + 204.3)
    assert judged.reason is not None
    assert judged.reason.text.startswith("Healthy for 3 min without a restart since its last one")


@pytest.mark.parametrize("second", [30.0, 100.0, 180.0])
def test_a_second_restart_is_one_too_many_however_far_it_is_from_the_first(second: float) -> None:
    news = [ready(1), stats(1, 1), *reboot(20), *reboot(second)]
    assert play(LAMP, *news)[1] is Found.RESTARTING


def test_a_device_that_dies_before_it_tells_anything_restarts_all_the_same() -> None:
    news = [
        each
        for at in range(10, 60, 10)
        for each in (state(at, State.LOST), state(at + 1, State.INIT), again(at + 2))
    ]
    assert play(LAMP, ready(1), stats(1, 1), *news)[1:] == (Found.RESTARTING, 32.0)


def test_one_that_never_gets_as_far_as_an_announce_has_to_be_back_in_time() -> None:
    news = [each for at in range(10, 100, 10) for each in (state(at, State.INIT), state(at + 1, State.LOST))]
    after, found, _ = play(LAMP, ready(1), stats(1, 1), *news)
    assert found is None
    assert clock(after) == (10 + TERMS.away, Found.LEFT)


def test_a_lost_connection_is_no_restart_when_the_uptime_goes_on() -> None:
    blip: list[News] = [state(70, State.LOST), state(72, State.INIT), again(72), ready(72), stats(73, 73)]
    after, found, at = play(LAMP, ready(1), stats(1, 1), stats(61, 61), *blip, *steady(600, since=133.0))
    assert (found, after.restarts, at) == (Found.DONE, 0, 133.0)


def test_without_statistics_a_second_announce_is_a_restart() -> None:
    news: list[News] = [
        ready(1),
        state(10, State.LOST),
        again(12),
        ready(12),
        state(30, State.LOST),
        again(32),
    ]
    assert play(MUTE, *news)[1] is Found.RESTARTING


def test_statistics_that_come_late_on_a_bad_wifi_are_no_restarts() -> None:
    late = [stats(at + delay, at) for at, delay in ((1, 0), (61, 20), (121, 2), (181, 25), (241, 0))]
    after, found, _ = play(LAMP, ready(1), *late)
    assert found is Found.DONE
    assert after.restarts == 0


def test_statistics_that_were_lost_do_not_hide_a_restart() -> None:
    """It booted a minute after it came back, and nothing of that was heard but its uptime."""
    after, found, _ = play(LAMP, ready(1), stats(150, 20))
    assert found is None
    assert after.restarts == 1


def test_a_will_that_comes_late_does_not_make_a_device_gone_that_goes_on_telling() -> None:
    """1.5 publishes its will at QoS 2, which may reach us among the words of the next connect."""
    after, found, _ = play(LAMP, ready(1), state(1.1, State.LOST), stats(1.2, 1), *steady(100, since=61.2))
    assert found is None
    assert (after.left_at, after.restarts) == (None, 0)
    nothing = Terms(soak=0.0, intervals=0, wakes=0)
    assert play(LAMP, state(1, State.LOST), stats(1.2, 1), terms=nothing)[1] is Found.DONE


def test_1_5_says_that_it_is_there_before_it_says_what_it_runs() -> None:
    reboot_1_5: list[News] = [state(20, State.LOST), ready(24), again(24.1), stats(24.2, 1)]
    after, found, at = play(LAMP, ready(1), stats(1, 1), *reboot_1_5, *steady(600, since=84.2, booted=23.2))
    assert (found, after.restarts) == (Found.DONE, 1)
    assert at == pytest.approx(204.2)


# --- sleepers ------------------------------------------------------------------------------------------------------


def nap(at: float, length: float = 900.0) -> list[News]:
    """It sleeps, wakes with a boot, and tells its statistics."""
    woken = at + length
    back: list[News] = [
        state(woken, State.INIT),
        again(woken + 0.1),
        ready(woken + 0.2),
        stats(woken + 0.3, 1),
    ]
    return [state(at, State.SLEEPING), *back]


def test_a_sleeper_is_done_after_three_wake_ups_each_of_which_is_a_boot() -> None:
    news = [ready(1), stats(1, 1), *nap(20), *nap(940), *nap(1860), *nap(2780)]
    after, found, at = play(SLEEPER, *news)
    assert (found, after.restarts, after.wakes) == (Found.DONE, 0, 3)
    assert at == pytest.approx(1860 + 900.2)


def test_a_sleeper_that_stays_awake_with_the_new_firmware_is_done_like_any_other() -> None:
    news = [ready(1), stats(1, 1), *nap(20), *steady(1500, since=980.3, booted=919.3)]
    _, found, at = play(SLEEPER, *news)
    assert found is Found.DONE
    assert at == pytest.approx(920.3 + 180)


def test_a_sleeper_that_just_woke_is_not_silent_because_it_slept() -> None:
    after, _, _ = play(SLEEPER, ready(1), stats(1, 1), *nap(20)[:-1])
    at, found = clock(after)
    assert found is Found.SILENT
    assert at == pytest.approx(920.2 + 180)


def test_a_sleeper_that_cannot_say_so_is_known_by_its_habit() -> None:
    naps = [
        each if each.state is not State.SLEEPING else replace_state(each)
        for each in _states(nap(20), nap(940))
    ]
    after, found, _ = play(replace(SLEEPER, sleeps=True), ready(1), stats(1, 1), *naps)
    assert found is None
    assert (after.restarts, after.wakes) == (0, 2)


def _states(*naps: list[News]) -> list[StateNews]:
    return [each for one in naps for each in one if isinstance(each, StateNews)]


def replace_state(news: StateNews) -> StateNews:
    return news._replace(state=State.LOST)


@pytest.mark.parametrize(
    ("every", "until"), [(900.0, 3600.0), (7200.0, 21_600.0), (0.0, 86_400.0), (1e9, 604_800.0)]
)
def test_a_sleeper_that_does_not_wake_any_more_is_missed_by_its_own_rhythm(
    every: float, until: float
) -> None:
    after, _, _ = play(replace(SLEEPER, every=every), ready(1), state(20, State.SLEEPING))
    assert clock(after) == (20 + until, Found.LEFT)


# --- silence, and who is to blame for it ---------------------------------------------------------------------------


def test_ready_and_silent_for_three_intervals_is_noticed() -> None:
    after, _, _ = play(LAMP, ready(1))
    assert clock(after) == (181.0, Found.SILENT)
    after, _, _ = play(LAMP, ready(1), stats(1, 1), stats(61, 61))
    assert clock(after) == (61 + 180.0, Found.SILENT)


def test_silence_counts_only_while_we_listen() -> None:
    after, _, _ = play(LAMP, ready(1), stats(1, 1))
    assert clock(after, listening_since=500.0) == (680.0, Found.SILENT)
    assert clock(replace(after, left_at=BACK + 10, was_ready=True), listening_since=500.0) == (
        740.0,
        Found.LEFT,
    )
    after, _, _ = play(after, ready(300, live=False))
    assert clock(after) == (480.0, Found.SILENT), "what the broker kept is heard when we begin to listen"


def test_one_that_never_becomes_ready_has_its_deadline_and_so_has_one_that_goes() -> None:
    assert clock(LAMP) == (180.0, Found.NOT_READY)
    gone, _, _ = play(LAMP, ready(1), state(50, State.LOST))
    assert clock(gone) == (50 + 240.0, Found.LEFT)


def judged(
    found: Found, of: Soak = LAMP, compared: Compared | None = None, neighbours: Neighbours | None = None
) -> Judgement:
    return judge(found, of, compared or Compared(), neighbours or Neighbours(), TERMS, BACK + 200)


TOLD = replace(LAMP, ready_at=BACK, was_ready=True, rounds=4)


@pytest.mark.parametrize(
    ("found", "of", "event", "code", "harmful"),
    [
        (Found.DONE, TOLD, Event.HEAL, "verified", False),
        (Found.DONE, MUTE, Event.HEAL, "booted", False),
        (Found.DONE, LAMP, Event.HARM, "silent", True),  # three wake-ups, and not one round of statistics
        (Found.RESTARTING, TOLD, Event.HARM, "restarting", True),
        (Found.SILENT, TOLD, Event.HARM, "silent", True),
        (Found.LEFT, TOLD, Event.HARM, "left", True),
        (Found.NOT_READY, TOLD, Event.EXPIRE, "not-ready", True),
    ],
)
def test_what_was_found_is_an_event_with_a_stable_word(
    found: Found, of: Soak, event: Event, code: str, harmful: bool
) -> None:
    result = judged(found, of)
    assert result.event is event
    assert result.reason is not None
    assert (result.reason.code, result.reason.harmful) == (code, harmful)


def test_worse_than_before_and_than_the_others_is_harm_with_its_numbers() -> None:
    worse = Compared("worse-heap", "free heap −45 %, untouched −1 % (7 devices)", "…")
    result = judged(Found.DONE, TOLD, worse)
    assert result.event is Event.HARM
    assert result.reason is not None
    assert "free heap −45 %, untouched −1 % (7 devices)" in result.reason.text


@pytest.mark.parametrize(
    ("found", "neighbours", "is_harm"),
    [
        (Found.SILENT, Neighbours(4, silent=1), True),
        (Found.SILENT, Neighbours(4, silent=2), False),
        (Found.RESTARTING, Neighbours(1, restarted=1), False),  # a power cut in a house with two lamps
        (Found.RESTARTING, Neighbours(4, silent=4), True),
        (Found.RESTARTING, Neighbours(4, habitual=4), True),  # sleepers boot whenever they wake
        (Found.RESTARTING, Neighbours(4, restarted=1, habitual=2), False),
        (Found.RESTARTING, Neighbours(5, restarted=1, habitual=2), True),
        (Found.LEFT, Neighbours(3, gone=2), False),
        (Found.LEFT, Neighbours(3, gone=2, habitual=3), False),
        (Found.LEFT, Neighbours(), True),
    ],
)
def test_what_half_of_the_untouched_siblings_do_too_is_not_the_images_fault(
    found: Found, neighbours: Neighbours, is_harm: bool
) -> None:
    result = judged(found, TOLD, neighbours=neighbours)
    assert (result.event is Event.HARM) == is_harm
    if not is_harm:
        assert result.soak is not None
        assert (result.soak.excused, result.soak.restarts, result.soak.rounds) == (1, 0, 0)


def test_a_soak_that_is_excused_again_and_again_ends_with_its_health_unknown() -> None:
    result = judged(Found.LEFT, replace(TOLD, excused=EXCUSES), neighbours=Neighbours(2, gone=2))
    assert result.event is Event.HEAL
    assert result.reason is not None
    assert result.reason.code == "booted"


def test_every_harm_has_words_that_say_what_to_do_and_is_final_unless_the_device_may_come_back() -> None:
    for code, reason in reasons.HARMS.items():
        assert reason.code == code
        assert reason.harmful
        assert (code in reasons.FINAL) == (code != "left")
    assert set(reasons.WORSE) <= reasons.FINAL


# --- any order ------------------------------------------------------------------------------------------------------

MOMENTS = st.floats(-50, 2000)
NEWS = st.one_of(
    st.builds(state, MOMENTS, st.sampled_from(State), live=st.booleans()),
    st.builds(again, MOMENTS),
    st.builds(stats, MOMENTS, st.none() | st.floats(0, 3000)),
)
STREAMS = st.lists(NEWS, max_size=40).map(lambda each: sorted(each, key=lambda one: one.at))
SOAKS = st.builds(
    Soak,
    since=st.just(BACK),
    told=st.booleans(),
    interval=st.sampled_from([0.0, 5.0, 60.0, 1e9]),
    sleeps=st.booleans(),
    every=st.sampled_from([0.0, 900.0]),
)


@given(SOAKS, STREAMS)
def test_whatever_comes_the_soak_survives_a_restart_of_ours_and_the_clock_always_has_an_end(
    start: Soak, news: list[News]
) -> None:
    of = start
    for each in news:
        of, found = step(of, each, TERMS)
        assert soak.from_data(soak.as_data(of), 0.0) == of
        at, _ = due(of, TERMS)
        assert at <= max(each.at, BACK) + soak.A_WEEK
        if found is Found.DONE:
            assert of.ready_at is not None
            assert of.left_at is None
            assert each.at - of.ready_at >= TERMS.soak
            break
        if found is Found.RESTARTING:
            assert of.restarts > 1
            break


@given(SOAKS, STREAMS)
def test_news_that_is_delivered_twice_changes_nothing_more(start: Soak, news: list[News]) -> None:
    once, twice = start, start
    for each in news:
        once, found = step(once, each, TERMS)
        twice, found_again = step(step(twice, each, TERMS)[0], each, TERMS)
        if found or found_again:
            return
        assert replace(twice, excused=once.excused) == once


@given(st.lists(st.booleans(), min_size=4, max_size=30), st.integers(1, 59))
def test_whatever_statistics_get_lost_a_healthy_device_is_never_harmed_by_them(
    kept: list[bool], offset: int
) -> None:
    """As long as not three in a row are lost, which is silence."""
    told = [each for each, keep in zip(steady(60.0 * len(kept), since=offset), kept, strict=False) if keep]
    of, found, _ = play(LAMP, ready(0), *told)
    assert found in (None, Found.DONE)
    assert of.restarts == 0


@given(st.lists(st.floats(25, 110), min_size=2, max_size=6), st.randoms())
def test_a_device_that_keeps_restarting_is_found_whatever_of_it_gets_lost(
    pauses: list[float], random: object
) -> None:
    """Each boot shows by its announce, or half a minute later by its uptime; half of the messages may be missing."""
    at = 1.0
    news: list[News] = [ready(0.0), stats(0.5, 1)]
    for pause in pauses:
        at += pause + 10
        boot = reboot(at)
        news += boot if random.random() < 0.5 else boot[-2:]  # type: ignore[attr-defined]
    of, found, _ = play(LAMP, *news)
    assert found is Found.RESTARTING
    assert of.restarts == 2
