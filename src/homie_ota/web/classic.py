"""The routes of the old homie-ota, for its scripts and devices: same addresses, same words, honest status codes.

Rule: programs get one line of text, browsers a page or the way to one; what happens is in `actions`.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from homie_ota import __version__
from homie_ota.errors import TooLarge, WrongUse
from homie_ota.store import devices
from homie_ota.store import firmware as firmwares
from homie_ota.web import actions, firmware_actions, forms, multipart
from homie_ota.web.people import is_browser
from homie_ota.web.render import see
from homie_ota.web.shell import shell_of

LONGEST_FORM = 64 * 1024
MOST_FIELDS = 500
_NOT_CHOSEN = "-"
"""What the old page sent for a device or a firmware that nobody chose."""


async def fields_of(request: Request) -> dict[str, list[str]]:
    """The fields of a plain form, of either kind; raises TooLarge, WrongUse."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        found: dict[str, list[str]] = {}
        async for part in multipart.parts(request, largest=LONGEST_FORM, longest=60.0):
            if part.filename is None:
                found.setdefault(part.name, []).append(await part.text())
        return found
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise TooLarge(f"The form is longer than {LONGEST_FORM} bytes.")
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise TooLarge(f"The form has more than {MOST_FIELDS} fields.") from None


async def form(request: Request) -> dict[str, str]:
    """The fields of a plain form, checked to be one of ours where a browser sent it; the first of several counts."""
    fields = {name: values[0] for name, values in (await fields_of(request)).items()}
    forms.check(request, fields.get(forms.FIELD))
    return fields


async def update(request: Request) -> Response:
    """`POST /update` (`device`, `firmware` = `name@version` or a SHA-256): queue it."""
    fields = await form(request)
    device, firmware = fields.get("device", _NOT_CHOSEN), fields.get("firmware", _NOT_CHOSEN)
    for value, word in ((device, "device"), (firmware, "firmware")):
        if value in ("", _NOT_CHOSEN):
            raise WrongUse(f"OTA request aborted; no {word} chosen")
    # The old page wrote `name @ version`.
    name, at, version = firmware.rpartition("@")
    firmware = f"{name.strip()}@{version.strip()}" if at else firmware.strip()
    made = await actions.order(
        shell_of(request), actions.actor_of(request), device, firmware, fields.get("override", "")
    )
    if is_browser(request):
        return see(request, "/deployment", str(made.id))
    return PlainTextResponse(
        f"OTA request for device {device} for update to {firmware} accepted as deployment {made.id}\n"
    )


async def delete_firmware(request: Request) -> Response:
    """`DELETE /firmware/<file>`."""
    shell, filename = shell_of(request), str(request.path_params["file"])
    found = await shell.database.read(lambda conn: firmware_actions.firmware_of(conn, filename))
    gone = await firmware_actions.delete(shell, actions.actor_of(request), found.sha256)
    return PlainTextResponse(f"Firmware {gone.filename} deleted\n")


async def delete_device(request: Request) -> Response:
    """`DELETE /device/<id>`."""
    done = await actions.delete_device(
        shell_of(request), actions.actor_of(request), str(request.path_params["id"])
    )
    return PlainTextResponse(done + "\n")


async def blurb(request: Request) -> Response:
    """`GET /blurb`: plain text about the server."""
    shell = shell_of(request)
    counts = await shell.database.read(devices.counts)
    images = await shell.database.read(lambda conn: firmwares.find(conn, sort="name"))
    address = shell.settings.http.public_url or f"http://{request.headers.get('host', '')}"
    lines = [
        f"Homie OTA server running (homie-ota {__version__}).",
        f"OTA endpoint is: {address}{shell.settings.ota.path}",
        f"Firmware root is {shell.images.directory}",
        f"{sum(counts.values())} devices: "
        + ", ".join(f"{n} {state}" for state, n in sorted(counts.items())),
        *(f"\t{each.filename}" for each in images),
    ]
    return PlainTextResponse("\n".join(lines) + "\n")
