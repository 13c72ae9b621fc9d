"""How rollouts look on a terminal: lists, previews, one with its waves, and what happens while one watches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from homie_ota.cli import show

Json = dict[str, Any]

RUN_IT = ("runs-it", "same-image")
"""Codes of devices that are left out because they have it."""

SHOWN = 20
"""Devices of a preview that are listed one by one."""


def listing(found: Sequence[Json]) -> None:
    """All rollouts as a table."""
    rows = [
        (each["id"], each["state"], _image(each), counts(each["counts"]), show.age(each["created_at"]), each["name"],
         each["query"])
        for each in found
    ]  # fmt: skip
    show.table(("ROLLOUT", "STATE", "FIRMWARE", "DEVICES", "MADE", "NAME", "QUERY"), rows)


def _image(rollout: Json) -> str:
    return f"{rollout['firmware_name']} {rollout['firmware_version']}".strip()


def counts(found: dict[str, int]) -> str:
    """`9 verified, 1 queued`."""
    return ", ".join(f"{number} {name}" for name, number in found.items())


def made(rollout: Json) -> str:
    """A rollout in one line."""
    reason = f": {rollout['reason']}" if rollout.get("reason") else ""
    return f"rollout {rollout['id']} is {rollout['state']} ({counts(rollout['counts'])}){reason}"


def one(rollout: Json, members: Sequence[Json]) -> None:
    """One rollout with waves and devices."""
    show.pairs(
        {
            "rollout": rollout["id"],
            "name": rollout["name"],
            "firmware": _image(rollout),
            "query": rollout["query"],
            "state": f"{rollout['state']}, {show.age(rollout['state_since'])}",
            "why": rollout.get("reason"),
            "devices": counts(rollout["counts"]),
            "standing": _standing(rollout),
            "can": ", ".join(rollout["can"]),
        }
    )
    show.line()
    show.table(("WAVE", "STATE", "DEVICES", "SO FAR", "GATE"), [_wave(each) for each in rollout["waves"]])
    if members:
        show.line()
        lanes = {wave["number"] for wave in rollout["waves"] if wave["lane"]}
        rows = [(_number(each, lanes), each["device"].rpartition("~")[2], each["outcome"], each.get("deployment"),
                 each.get("reason")) for each in members]  # fmt: skip
        show.table(("WAVE", "DEVICE", "OUTCOME", "DEPLOYMENT", "WHY"), rows)


def _standing(rollout: Json) -> str:
    if not rollout["standing"]:
        return ""
    return (
        f"new devices join it; it follows {rollout['follow']}" if rollout["follow"] else "new devices join it"
    )


def _number(member: Json, lanes: Collection[int]) -> str:
    if member["wave"] in lanes:
        return "late"
    return str(member["wave"] + 1) if member["wave"] >= 0 else "-"


def _wave(wave: Json) -> tuple[object, ...]:
    name = "late" if wave["lane"] else str(wave["number"] + 1)
    gate = (wave.get("gate") or {}).get("text", "")
    return name, wave["state"], wave["size"], counts(wave["counts"]), gate


def all_run_it(seen: Json) -> bool:
    """Whether nobody gets it because everybody has it."""
    same = [each for each in seen["left_out"] if each["code"] in RUN_IT]
    return bool(same) and len(same) == seen["left_out_total"]


def preview(seen: Json) -> None:
    """What a rollout would do."""
    same = [each for each in seen["left_out"] if each["code"] in RUN_IT]
    others = [each for each in seen["left_out"] if each not in same]
    left = seen["left_out_total"] - len(same)
    show.line(f"{seen['members']} will be updated, {len(same)} run it already, {left} left out.")
    if seen["members"]:
        _waves(seen)
    if others:
        show.line()
    for each in others[:SHOWN]:
        show.line(f"  {_bare(each)}: {each['reason']}")
    if left > SHOWN:
        show.line(f"  … and {left - SHOWN} more")
    warn(seen)
    if seen.get("simulation"):
        _simulation(seen["simulation"])


def _waves(seen: Json) -> None:
    estimate = seen["estimate"]
    sizes = ", ".join(str(wave["size"]) for wave in seen["waves"])
    show.line(
        f"waves of {sizes}; it takes {show.duration(estimate['low'])} to {show.duration(estimate['high'])}; "
        f"{seen['way_back']['text'].partition('.')[0]}."
    )
    rows = [
        (wave["number"] + 1, _bare(each), each["runs"], _gets(seen, each))
        for wave in seen["waves"]
        for each in wave["devices"]
    ]
    show.line()
    show.table(("WAVE", "DEVICE", "RUNS", "GETS"), rows[:SHOWN])
    if seen["members"] > SHOWN:
        show.line(f"… and {seen['members'] - SHOWN} more")


def _gets(seen: Json, line: Json) -> str:
    return line.get("over") or f"{seen['firmware_name']} {seen['firmware_version']}".strip()


def warn(seen: Json) -> None:
    """Say what to think of before it is done."""
    for warning in seen["warnings"]:
        show.say(f"Mind: {warning}")
    for each in seen["missing"][:SHOWN]:
        name = f"{each['name']} {each['version']}".strip() or "a firmware without a name"
        show.say(f"Upload {name} (MD5 {each['md5'] or 'not known'}): {each['devices']} could go back to it.")


def _simulation(played: Json) -> None:
    show.line()
    show.line(
        f"On their own past it would be {played['state']} at {show.moment(played['ended_at'])}: "
        f"{counts(played['counts'])}. {played['reason']}"
    )
    for step in played["story"][:SHOWN]:
        show.line(f"  {show.moment(step['at'])}  {step['what']}")


def _bare(line: Json) -> str:
    return str(line["device"]).rpartition("~")[2]


# --- While one watches ---------------------------------------------------------------------------------------------


def news(rollout: Json, told: int) -> int:
    """A line for each event behind `told`, oldest first; the number of the newest one."""
    events = [each for each in reversed(rollout["events"]) if each["seq"] > told]
    for each in events:
        show.line(f"{show.clock(each['at'])}  {each['text']}")
    return events[-1]["seq"] if events else told


def soaks(rollout: Json) -> str:
    """The waves that only time holds back, with what is left: `wave 1: soak, 80 s left`; empty where there is none."""
    told = [
        f"wave {wave['number'] + 1}: soak, {show.duration(gate['soak_left'])} left"
        for wave in rollout["waves"]
        if wave["state"] == "running" and (gate := wave.get("gate")) and gate.get("next_at")
    ]
    return ", ".join(told)


def gates(rollout: Json, told: dict[int, str]) -> None:
    """A line for each wave that runs and whose gate says something new."""
    for wave in rollout["waves"]:
        text = (wave.get("gate") or {}).get("text", "").partition(", soak")[0]
        if wave["state"] == "running" and text and told.get(wave["number"]) != text:
            told[wave["number"]] = text
            show.line(f"{show.clock(None)}  wave {wave['number'] + 1}: {text}")
