"""Curves of devices: appended, summed up, forgotten, and read; and the line of text of the last days."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from homie_ota.fleet.curves import LEFT, LOST, RAN, SLEPT
from homie_ota.fleet.packed import Curves
from homie_ota.rollout.proof import AnnounceNews
from homie_ota.store import changes, devices, series, strip
from homie_ota.store.database import Connection
from homie_ota.store.tables import series as rows
from store.lamps import NEW, OLD, add_device, opened, row_of

HOUR, DAY = 3600, 86_400
NOW = 1_700_006_400 - 1_700_006_400 % DAY + 10 * HOUR


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1, first_seen=float(NOW - 60 * DAY))
        add_device(found, 2, first_seen=float(NOW - 60 * DAY))
        yield found


def minutes(since: int, count: int, *, uptime: float = 0.0, signal: float = 50.0) -> Curves:
    times = [since + 60 * each for each in range(count)]
    columns = {"uptime": [uptime + 60.0 * each for each in range(count)], "signal": [signal] * count}
    return Curves(times, columns)


def kept(conn: Connection) -> int:
    return conn.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one()


def test_points_of_several_devices_are_appended_and_read_again(conn: Connection) -> None:
    series.append(conn, series.STATS, {1: minutes(NOW, 3), 2: minutes(NOW, 1, signal=80.0)})
    series.append(conn, series.STATS, {1: minutes(NOW + 180, 2, signal=21.3)})
    found = series.read(conn, 1, "signal", NOW - DAY, NOW + HOUR)
    assert found.times == [NOW + 60 * each for each in range(5)]
    assert found.values == [50.0, 50.0, 50.0, 21.3, 21.3]
    assert found.low == found.high == found.values
    assert series.read(conn, 2, "signal", NOW - DAY, NOW + HOUR).values == [80.0]
    assert series.read(conn, 1, "heap", NOW - DAY, NOW + HOUR).times == []
    assert kept(conn) == 2


def test_what_is_written_again_after_a_crash_is_there_once(conn: Connection) -> None:
    for _ in range(2):
        series.append(conn, series.STATS, {1: minutes(NOW, 3)})
    series.append(conn, series.STATS, {1: minutes(NOW, 4)})
    assert series.read(conn, 1, "uptime", NOW, NOW + HOUR).values == [0.0, 60.0, 120.0, 180.0]


def test_points_on_both_sides_of_a_border_of_buckets_are_in_two(conn: Connection) -> None:
    border = NOW - NOW % series.STATS.width
    series.append(conn, series.STATS, {1: minutes(border - 120, 4)})
    assert kept(conn) == 2
    assert len(series.read(conn, 1, "uptime", border - HOUR, border + HOUR).times) == 4


def test_a_device_that_was_deleted_meanwhile_gets_no_points(conn: Connection) -> None:
    series.append(conn, series.STATS, {1: minutes(NOW, 1), 99: minutes(NOW, 1)})
    assert kept(conn) == 1
    devices.save(conn, [row_of(1, state="lost")])
    devices.remove(conn, 1)
    assert kept(conn) == 0


def test_a_bucket_that_cannot_be_read_costs_its_points_only(conn: Connection) -> None:
    series.append(conn, series.STATS, {1: minutes(NOW - 4 * HOUR, 1)})
    conn.execute(rows.update().values(packed=b"rubbish"))
    series.append(conn, series.STATS, {1: minutes(NOW, 2)})
    assert series.read(conn, 1, "uptime", NOW - DAY, NOW + HOUR).values == [0.0, 60.0]


def test_the_last_minutes_come_from_the_row_of_the_device(conn: Connection) -> None:
    series.append(conn, series.STATS, {1: minutes(NOW - 120, 2)})
    recent = [[NOW - 60.0, 60.0, None, 50.0], [NOW + 0.5, 120.0, 30_000.0, 49.0]]
    devices.save(conn, [row_of(1, recent=recent)])
    found = series.read(conn, 1, "signal", NOW - DAY, NOW + 1)
    assert found.times == [NOW - 120, NOW - 60, NOW]
    assert found.values[-1] == 49.0
    assert series.read(conn, 1, "heap", NOW - DAY, NOW + 1).values == [30_000.0]


def test_a_month_is_told_by_the_hour_and_goes_on_to_now(conn: Connection) -> None:
    for hours in (30 * 24, 2, 1, 0):
        series.append(conn, series.STATS, {1: minutes(NOW - hours * HOUR, 30, signal=50.0 + hours)})
    series.sum_up(conn, [1], NOW - 31 * DAY, NOW)
    found = series.read(conn, 1, "uptime", NOW - 31 * DAY, NOW + HOUR)
    assert found.times == [NOW - 30 * DAY, NOW - 2 * HOUR, NOW - HOUR, NOW]
    assert set(found.values) == {870.0}
    assert set(found.low) == {0.0}
    assert set(found.high) == {1740.0}


def test_an_hour_that_is_summed_up_stays_as_it_is(conn: Connection) -> None:
    series.append(conn, series.STATS, {1: minutes(NOW - HOUR, 30)})
    for _ in range(2):
        series.sum_up(conn, [1, 2], NOW - 2 * HOUR, NOW)
    assert len(series.load(conn, 1, series.STATS_BY_HOUR, NOW - DAY, NOW).times) == 1


def test_a_property_is_told_by_samples_and_by_hours(conn: Connection) -> None:
    quarters = Curves(
        [NOW - HOUR + 900 * each for each in range(4)], {"sensor/temperature": [20.0, 21.0, 22.0, 30.0]}
    )
    series.append(conn, series.VALUES, {1: quarters})
    assert len(series.read(conn, 1, "sensor/temperature", NOW - DAY, NOW).times) == 4
    series.sum_up(conn, [1], NOW - HOUR, NOW)
    found = series.read(conn, 1, "sensor/temperature", NOW - 31 * DAY, NOW)
    assert (found.times, found.values) == ([NOW - HOUR], [21.5])
    assert series.read(conn, 1, "sensor/nothing", NOW - 31 * DAY, NOW).times == []


def test_single_points_are_forgotten_after_days_and_hours_after_the_days_of_the_settings(
    conn: Connection,
) -> None:
    for days in (60, 20, 1):
        series.append(conn, series.STATS, {1: minutes(NOW - days * DAY, 30)})
    series.sum_up(conn, [1], NOW - 61 * DAY, NOW)
    series.append(conn, series.LIFE, {1: Curves([NOW - 60 * DAY], {"seen": [1.0]})})
    series.forget(conn, [2], NOW, 35)
    assert kept(conn) == 7
    series.forget(conn, [1], NOW, 35)
    assert len(series.load(conn, 1, series.STATS, 0, NOW).times) == 30
    assert series.load(conn, 1, series.STATS_BY_HOUR, 0, NOW).times == [NOW - 20 * DAY, NOW - DAY]
    assert series.load(conn, 1, series.LIFE, 0, NOW).times == []


def test_a_very_long_curve_is_thinned_to_what_a_screen_shows(conn: Connection) -> None:
    series.append(
        conn, series.STATS, {1: Curves(range(NOW, NOW + 4000), {"signal": list(map(float, range(4000)))})}
    )
    assert 700 <= len(series.read(conn, 1, "signal", NOW, NOW + HOUR).times) <= series.MOST_POINTS


# --- The strip ------------------------------------------------------------------------------------------------------


def lived(conn: Connection, *hours_and_bits: tuple[int, int]) -> None:
    for hours, bits in sorted(hours_and_bits, reverse=True):
        series.append(conn, series.LIFE, {1: Curves([NOW - hours * HOUR], {"seen": [float(bits)]})})


def test_the_strip_shows_what_ran_slept_was_lost_off_and_what_nobody_heard(conn: Connection) -> None:
    lived(conn, (26, RAN), (22, RAN | SLEPT), (18, RAN | LOST), (14, LOST), (10, LEFT), (2, RAN))
    found = strip.of(conn, 1, NOW)
    assert len(found.text) == 180
    assert found.text.strip() == "=.=x_ ="
    assert found.cells[-1].at <= NOW < found.cells[-1].at + strip.CELL
    assert strip.of(conn, 1, NOW) == found


def test_a_restart_is_marked_whether_its_hour_is_summed_up_or_not(conn: Connection) -> None:
    for hours in (30, 29, 1):
        lived(conn, (hours, RAN))
        series.append(conn, series.STATS, {1: minutes(NOW - hours * HOUR, 30, uptime=100.0 * hours)})
    series.sum_up(conn, [1], NOW - 2 * DAY, NOW - 10 * HOUR)
    found = strip.of(conn, 1, NOW, days=2)
    assert found.text.count("|") == 2
    assert [each.boots for each in found.cells if each.boots] == [1, 1]


def test_a_sleeper_boots_all_day_and_never_restarts(conn: Connection) -> None:
    lived(conn, (5, RAN | SLEPT))
    for hours in (6, 5):
        series.append(conn, series.STATS, {1: minutes(NOW - hours * HOUR, 2)})
    assert strip.of(conn, 1, NOW).text.strip() == "."


def test_another_firmware_is_another_band(conn: Connection) -> None:
    lived(conn, (30, RAN), (6, RAN), (1, RAN))
    changes.note(conn, {1: [AnnounceNews(NOW - 8.0 * HOUR, "lamp", "2.0.0", NEW, True)]})
    devices.save(conn, [row_of(1, md5=NEW, fw_version="2.0.0")])
    found = strip.of(conn, 1, NOW)
    assert [(each.name, each.version, each.md5) for each in found.bands] == [
        ("lamp", "1.0.0", OLD),
        ("lamp", "2.0.0", NEW),
    ]
    assert found.bands[0].until == found.bands[1].since == NOW - 8.0 * HOUR
    assert found.bands[1].until is None
    assert found.text.strip().replace(" ", "") == "=--"


def test_a_band_that_ended_before_the_strip_begins_is_not_told(conn: Connection) -> None:
    for days, md5 in ((50, NEW), (40, OLD)):
        changes.note(conn, {1: [AnnounceNews(NOW - days * float(DAY), "lamp", "x", md5, True)]})
        devices.save(conn, [row_of(1, md5=md5)])
    lived(conn, (1, RAN))
    found = strip.of(conn, 1, NOW)
    assert [each.md5 for each in found.bands] == [OLD]
    assert {each.band for each in found.cells} == {0}


@pytest.mark.parametrize(("state", "mark"), [("ready", "="), ("lost", "x"), ("unknown", " ")])
def test_a_new_device_is_shown_as_it_is_now(conn: Connection, state: str, mark: str) -> None:
    devices.save(conn, [row_of(1, state=state, state_since=NOW - 5.0, last_seen=NOW - 1.0)])
    assert strip.of(conn, 1, NOW).text[-2:] == f" {mark}"


def test_a_device_that_is_not_known_has_no_strip(conn: Connection) -> None:
    assert strip.of(conn, 99, NOW) == strip.Strip((), ())
