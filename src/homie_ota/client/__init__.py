"""The API of a running server, for the command line and for scripts: the standard library is enough for it.

Rule: every failure leaves here as an error of `errors.py`, with the server's own sentence where there is one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from homie_ota.client import calls, watching
from homie_ota.client.calls import API, Json, query, segment
from homie_ota.client.connection import Connection
from homie_ota.client.devices import DeviceCalls
from homie_ota.client.filters import FilterCalls
from homie_ota.client.form import Form, Progress
from homie_ota.client.knocks import KnockCalls
from homie_ota.client.recipients import RecipientCalls
from homie_ota.client.rollouts import RolloutCalls
from homie_ota.client.streams import StreamCalls, Wanted
from homie_ota.errors import Unreachable, WrongUse

__all__ = ["API", "DEFAULT_SERVER", "Api", "Json", "Wanted"]

DEFAULT_SERVER = "http://127.0.0.1:9080"
PAGE = 200
"""Items asked for at once."""
JUDGED = 1000
"""Answers asked for at once: for each page of them the server looks at all devices."""


class Api(DeviceCalls, FilterCalls, KnockCalls, RecipientCalls, RolloutCalls, StreamCalls):
    """The API of the server at `server` (`http://ota.example:9080`, `user:password@` allowed); a token wins over both.

    Without an address it is the one on this machine, DEFAULT_SERVER.

    Every method raises Unreachable when nothing answers, NotAllowed without the right token, and what the server says.
    """

    def __init__(self, server: str = "", token: str = "", *, timeout: float = 30.0) -> None:
        super().__init__(Connection(server or DEFAULT_SERVER, token, timeout))

    def health(self) -> Json:
        """How the server is; Unreachable where it is not."""
        found = self._connection.request("GET", "/healthz")
        return found if isinstance(found, dict) else self._connection.strange()

    # --- Devices ---

    def devices(self, query: str = "", *, state: str = "", sort: str = "", limit: int = 0) -> Iterator[Json]:
        """Every device that the query finds, page after page; at most `limit` (0: all)."""
        asked: dict[str, str | int] = {
            "q": query,
            "state": state,
            "sort": sort,
            "limit": min(limit or PAGE, PAGE),
        }
        return islice(self._all("/devices", asked), limit or None)

    def sheet(self, query: str = "", *, state: str = "", sort: str = "") -> Iterator[bytes]:
        """The same as a sheet (CSV), piece by piece, however many devices there are."""
        asked = calls.query({"q": query, "state": state, "sort": sort})
        return (piece for piece, _ in self._connection.pieces(f"{API}/devices.csv{asked}"))

    def device(self, device: str) -> Json:
        """One device, by `homie~hall-lamp` or by a bare id that is unique; NotFound, Conflict."""
        return self._object("GET", f"/devices/{segment(device)}")

    def readings(self, device: str) -> list[Json]:
        """What the device's properties said last."""
        return list(self._all(f"/devices/{segment(device)}/readings", {"limit": PAGE}))

    def why(self, device: str) -> Json:
        """Why the device is, or is not, being updated."""
        return self._object("GET", f"/devices/{segment(device)}/why")

    # --- Firmware ---

    def firmware(self) -> list[Json]:
        """Every stored image."""
        return list(self._all("/firmware", {"limit": PAGE}))

    def fits(
        self, sha256: str, devices: str = "", *, verdict: str = "", device: str = "", override: str = ""
    ) -> Json:
        """Whom an image fits (`fits`, `of`, `with_warnings`): all `devices` that a query finds, with their answers."""
        asked: dict[str, str | int] = {
            "q": devices,
            "verdict": verdict,
            "device": device,
            "override": override,
        }
        path = f"/firmware/{segment(sha256)}/fits"
        found = self._object("GET", path + query({**asked, "limit": JUDGED}))
        page = found
        while page.get("next"):
            page = self._object("GET", path + query({**asked, "limit": JUDGED, "cursor": page["next"]}))
            found["devices"] = [*(found.get("devices") or ()), *(page.get("devices") or ())]
        return {**found, "next": None}

    def upload(
        self,
        path: Path,
        *,
        description: str = "",
        name: str = "",
        version: str = "",
        override: str = "",
        progress: Progress | None = None,
    ) -> Json:
        """Send a firmware file, streamed; returns the firmware as stored. WrongUse when the file cannot be read.

        BadFirmware for what is no good image; `override` is the reason to take one that is only refused. A
        signature that lies beside it (`lamp.bin.minisig`) goes along.
        """
        fields = {"description": description, "name": name, "version": version, "override": override}
        beside = path.with_name(f"{path.name}.minisig")
        try:
            if beside.is_file():
                fields["signature"] = beside.read_text("utf-8", "replace")
            with path.open("rb") as file:
                size = path.stat().st_size
                form = Form({key: value for key, value in fields.items() if value}, path.name, size)
                headers = {"Content-Type": form.content_type, "Content-Length": str(form.length)}
                return self._object("POST", "/firmware", form.chunks(file, progress), headers)
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise WrongUse(f"{path} cannot be read: {error.strerror}.") from None

    def image(self, sha256: str) -> Json:
        """One image with what is inside; NotFound."""
        return self._object("GET", f"/firmware/{segment(sha256)}")

    def write_about(self, sha256: str, texts: dict[str, str]) -> Json:
        """Change description, changelog or requires of an image, those that are named; WrongUse, NotFound."""
        return self._send("PATCH", f"/firmware/{segment(sha256)}", texts)

    def delete_firmware(self, sha256: str) -> Json:
        """Delete an image; Conflict while somebody needs it."""
        return self._object("DELETE", f"/firmware/{segment(sha256)}")

    def prune(self, keep: int | None = None, *, dry_run: bool = False) -> Json:
        """Delete all but the newest versions of each name and what somebody needs; what went, or would go."""
        return self._send("POST", "/firmware/prune", {"keep": keep, "dry_run": dry_run})

    def compare(self, a: str, b: str) -> Json:
        """Two images beside each other, differences first; NotFound."""
        return self._object("GET", f"/firmware/{segment(a)}/compare/{segment(b)}")

    # --- Deployments ---

    def order(self, device: str, sha256: str, override: str = "") -> Json:
        """Bring a device to a firmware; returns the deployment. NotEligible with the reason, Conflict, NotFound."""
        wanted = {"device": device, "firmware": sha256, **({"override": override} if override else {})}
        return self._send("POST", "/deployments", wanted)

    def deployments(self, *, device: str = "", state: str = "") -> list[Json]:
        """The latest deployments, newest first, of one device or in one state."""
        return self._list("GET", f"/deployments{query({'device': device, 'state': state})}")

    def deployment(self, number: int) -> Json:
        """One deployment with its events; NotFound."""
        return self._object("GET", f"/deployments/{number}")

    def case(self, number: int) -> Json:
        """The case file of a deployment; NotFound."""
        return self._object("GET", f"/deployments/{number}/case")

    def cancel(self, number: int) -> Json:
        """Take back a deployment that is still queued; Conflict later."""
        return self._send("POST", f"/deployments/{number}/cancel", {})

    def release(self, device: str, firmware: str = "") -> Json:
        """Release a device from quarantine, for one image or all; NotFound when nothing of it is there."""
        wanted = {"firmware": firmware} if firmware else {}
        return self._send("POST", f"/devices/{segment(device)}/release", wanted)

    def leftovers(self) -> list[Json]:
        """What is kept on the broker that devices would act on."""
        return list(self._all("/leftovers", {"limit": PAGE}))

    def look_for_leftovers(self) -> Json:
        """Have the broker looked at again."""
        return self._send("POST", "/leftovers/look", {})

    def clear_leftover(self, topic: str) -> Json:
        """Have a leftover cleared; NotFound, Conflict."""
        return self._send("POST", "/leftovers/clear", {"topic": topic})

    def follow(
        self, numbers: Iterable[int], *, every: float = 0.5, patience: float = 60.0, beat: float = 0.0
    ) -> Iterator[Json]:
        """Each of these deployments, and the attempts that follow a failed one, when it is seen first and whenever it
        changed, until all have ended for good; also each `beat` seconds (0: never) while it is verified.

        A server that is away for less than `patience` seconds, because it restarts, is waited for.
        """
        seen: dict[int, Any] = dict.fromkeys(numbers)
        open_ = list(seen)
        while open_:
            for number in list(open_):
                now = self._patiently(number, every, patience)
                news = (
                    now["state"],
                    now.get("bytes_done"),
                    now.get("reason"),
                    _beat(beat, now.get("verifying")),
                )
                if news != seen.get(number):
                    seen[number] = news
                    yield now
                if watching.is_over(now):
                    open_.remove(number)
                    open_ += self._following(now)
            if open_:
                time.sleep(every)

    def _following(self, ended: Json) -> list[int]:
        if not watching.goes_on(ended):
            return []
        found = watching.next_of(ended, self.deployments(device=ended["device"]))
        return [] if found is None else [found]

    def _patiently(self, number: int, every: float, patience: float) -> Json:
        until = time.monotonic() + patience
        while True:
            try:
                return self.deployment(number)
            except Unreachable:
                if time.monotonic() >= until:
                    raise
                time.sleep(every)


def _beat(beat: float, verified: object) -> int:
    """Another number for each `beat` seconds of what is verified."""
    return int(time.monotonic() // beat) if beat and verified else 0
