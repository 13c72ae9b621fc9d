"""The API of a running server about single devices, the bytes of an image, and what happens as it happens."""

from __future__ import annotations

import json
from collections.abc import Iterator

from homie_ota.client.calls import API, Calls, Json, query, segment

PAGE = 200


class DeviceCalls(Calls):
    """What can be asked about a device; failures are as for every other request."""

    def verdict(self, device: str) -> Json:
        """What to think of a device, in one sentence; NotFound, Conflict."""
        return self._object("GET", f"/devices/{segment(device)}/verdict")

    def outlook(self, device: str, firmware: str = "") -> Json:
        """When a device can be reached next, and whether an image will fit into that time."""
        return self._object("GET", f"/devices/{segment(device)}/outlook{query({'firmware': firmware})}")

    def series(self, device: str, metric: str, span: str = "day") -> Json:
        """A curve of a device as columns: a statistic, or a property as `node/property`; WrongUse."""
        asked: dict[str, str | int] = {"metric": metric, "span": span}
        return self._object("GET", f"/devices/{segment(device)}/series{query(asked)}")

    def set_property(self, device: str, node: str, prop: str, value: str | float | bool) -> Json:
        """Set a property; Conflict while the device is not ready, WrongUse for a value that it cannot have."""
        path = f"/devices/{segment(device)}/properties/{segment(node)}/{segment(prop)}"
        return self._send("PUT", path, {"value": value})

    def delete_device(self, device: str) -> Json:
        """Forget a device and clear its retained topics; Conflict while it is online or being updated."""
        return self._object("DELETE", f"/devices/{segment(device)}")

    def removed(self) -> list[Json]:
        """Devices that were deleted and can be put back, the newest first."""
        return list(self._all("/removed", {"limit": PAGE}))

    def put_back(self, number: int) -> Json:
        """Put a deleted device back, by the number of its copy; NotFound, Conflict."""
        return self._object("POST", f"/removed/{number}/undo")

    def quarantine(self) -> list[Json]:
        """Images that devices do not get until somebody releases them, the newest first."""
        return list(self._all("/quarantine", {"limit": PAGE}))

    def look_at_failure(self, device: str) -> Json:
        """Say that somebody has looked at a failed update; NotFound when the last one did not fail."""
        return self._object("POST", f"/devices/{segment(device)}/looked")

    def download(self, sha256: str) -> bytes:
        """The bytes of an image, as it was uploaded; NotFound."""
        return self._connection.data(f"{API}/firmware/{segment(sha256)}/file")

    def events(
        self, since: int | None = None, *, device: str = "", kinds: tuple[str, ...] = (), follow: bool = True
    ) -> Iterator[Json]:
        """What happened behind the event `since` (0: from the first that is kept; None: from now), then what happens.

        Each once and in order. An event has a number in `seq`; `gap` says that some are not kept any more. Ends when
        the server does, or with `follow` False when everything so far is told; NotFound, WrongUse.
        """
        asked = [("device", device)] if device else []
        asked += [("kind", each) for each in kinds]
        asked += [("follow", str(follow).lower()), ("notices", "false")]
        asked += [("since", str(since))] if since is not None else []
        for line in self._connection.lines(f"{API}/events{query(asked)}"):
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))
