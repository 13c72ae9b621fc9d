"""A PNG of a page with a palette, a third of what a browser writes.

Rule: a page has few colours; where there are more than a palette takes, the least bits of all are dropped.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TypedDict

from playwright.async_api import Page

_INDEXED = """async (data) => {
  const image = await createImageBitmap(await (await fetch("data:image/png;base64," + data)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  for (let bits = 0; ; bits++) {
    const one = (0xff << bits) & 0xff, mask = one | one << 8 | one << 16, known = new Map(), rows = [];
    const line = new Uint8Array(pixels.length);
    for (let at = 0; at < pixels.length && known.size <= 256; at++) {
      const colour = pixels[at] & mask;
      let index = known.get(colour);
      if (index === undefined) { index = known.size; known.set(colour, index); rows.push(pixels[at] & 0xffffff); }
      line[at] = index;
    }
    if (known.size > 256) continue;
    let text = "";
    for (let at = 0; at < line.length; at += 32768) text += String.fromCharCode(...line.subarray(at, at + 32768));
    return { width: image.width, height: image.height, palette: rows, pixels: btoa(text) };
  }
}"""


class _Indexed(TypedDict):
    width: int
    height: int
    palette: list[int]
    pixels: str


async def smaller(page: Page, image: bytes) -> bytes:
    """The same picture; `page` is any empty page, which reads the one it is given."""
    found: _Indexed = await page.evaluate(_INDEXED, base64.b64encode(image).decode())
    width, pixels = found["width"], base64.b64decode(found["pixels"])
    lines = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    colours = b"".join(struct.pack("<I", each)[:3] for each in found["palette"])
    head = struct.pack(">IIBBBBB", width, found["height"], 8, 3, 0, 0, 0)
    pieces = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_piece(kind, body) for kind, body in pieces)


def _piece(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
