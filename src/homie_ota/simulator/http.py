"""HTTP as the devices speak it: the requests they send, byte for byte, and how they read an answer.

Rule: no sockets here. The headers and their spelling are those of esp-http-update.md and of the recordings.
"""

from __future__ import annotations

from hashlib import md5

from homie_ota.simulator.flash import flash_size_fits, free_space
from homie_ota.simulator.images import Sketch
from homie_ota.simulator.values import Faults, Hardware, HttpResponse, Identity, OtaServer

_SDK = "2.2.2-dev(38a443e)"


def update_request(
    server: OtaServer, identity: Identity, hardware: Hardware, sketch: Sketch, faults: Faults, wanted: str
) -> bytes:
    """The GET of homie-esp8266 1.5 in OTA mode."""
    lines = (
        f"GET {server.path} HTTP/1.0",
        f"Host: {server.host}:{server.port}",
        "User-Agent: ESP8266-http-Update",
        "Connection: close",
        f"x-ESP8266-STA-MAC: {identity.mac}",
        f"x-ESP8266-AP-MAC: {access_point(identity.mac)}",
        f"x-ESP8266-free-space: {free_space(hardware, sketch, faults)}",
        f"x-ESP8266-sketch-size: {sketch.size}",
        f"x-ESP8266-chip-size: {hardware.flash_size}",
        f"x-ESP8266-sdk-version: {_SDK}",
        "x-ESP8266-mode: sketch",
        f"x-ESP8266-version: {identity.device_id}={sketch.name}={sketch.version}={wanted}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def pull_request(host: str, path: str) -> bytes:
    """The GET of esp32-homie for the address it was sent."""
    lines = (
        f"GET {path} HTTP/1.1",
        "User-Agent: ESP32 HTTP Client/1.0",
        f"Host: {host}",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def parse(raw: bytes) -> HttpResponse | None:
    """An HTTP answer, its body as far as it came; None when it is none."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    words = status.split(" ")
    if not separator or len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        return None
    headers = {
        name.strip().lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)
    }
    return HttpResponse(int(words[1]), headers, body)


def accepted_image(response: HttpResponse | None, hardware: Hardware, room: int) -> bytes:
    """The image in an answer when the core would flash it, else nothing.

    It needs 200 and a Content-Length; chunked is not understood. A digest is checked when there is one.
    """
    if response is None or response.status != 200:
        return b""
    length = response.headers.get("content-length", "")
    if not length.isdigit() or not 0 < int(length) <= room or len(response.body) != int(length):
        return b""
    image = response.body
    if image[0] != 0xE9 or (len(image) > 3 and not flash_size_fits(image[3], hardware)):
        return b""
    wanted = response.headers.get("x-md5", "")
    return image if not wanted or md5(image).hexdigest() == wanted.lower() else b""


def access_point(mac: str) -> str:
    """The MAC of the device's own access point: bit 1 of the first byte is set."""
    return f"{int(mac[:2], 16) | 2:02X}{mac[2:]}"
