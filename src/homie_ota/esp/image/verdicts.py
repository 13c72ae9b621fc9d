"""From what was walked to what is said: the findings that images of every chip have in common.

Rule: of one damage one thing is said, the first that explains it: what cannot be read, then what is cut off, then what
does not add up.
"""

from __future__ import annotations

from itertools import combinations

from homie_ota.esp.image.chips import MAGIC
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Check, CheckResult, Finding
from homie_ota.esp.image.rest import Rest
from homie_ota.esp.image.walk import MOST_SEGMENTS, Walk


def of_walk(walk: Walk, size: int, sum_counts: bool = True) -> list[Finding]:
    """What is wrong with one image in a file of `size` bytes; `sum_counts` is false where a CRC replaces the XOR."""
    if walk.trouble:
        return [finding("bad-segment" if walk.segments else "bad-header", why=walk.trouble)]
    if walk.end is None and not walk.misplaced:
        return [finding("truncated", expected=walk.needs, got=size)]
    if walk.misplaced:
        return [finding("bad-segment", why=walk.misplacement())]
    return _sums(walk, sum_counts)


def _sums(walk: Walk, sum_counts: bool) -> list[Finding]:
    if sum_counts and not walk.sum_is_right():
        stored, got = walk.stored_sum, walk.sum_of_bytes
        return [finding("bad-checksum", part=walk.what, expected=stored, got=got)]
    if not walk.hash_is_right():
        stored_hash, got_hash = walk.stored_hash.hex()[:12], walk.sha256.hexdigest()[:12]
        return [finding("bad-hash", expected=stored_hash, got=got_hash)]
    return []


def of_program(walk: Walk) -> list[Finding]:
    """What is odd about the image that holds the program: where it begins, segments in the same memory, filling."""
    if walk.end is None:
        return []
    odd = []
    if not walk.entry_is_in_memory():
        odd.append(finding("odd-entry", part=walk.what, entry=walk.entry))
    placed = [(n, each) for n, each in enumerate(walk.segments, 1) if each.address >> 16 and each.length]
    for (first, a), (second, b) in combinations(placed, 2):
        if a.address < b.address + b.length and b.address < a.address + a.length:
            odd.append(finding("odd-segment", first=first, second=second, part=walk.what))
            break
    if not walk.padding_is_zero:
        odd.append(finding("odd-filling", where=f"before the checksum of the {walk.what}"))
    return odd


def of_rest(rest: Rest) -> Finding | None:
    """What stands behind an image, where nothing should; None when nothing does."""
    if not rest.length:
        return None
    if rest.only_filling:
        return finding("padded", end=rest.offset, count=rest.length, filling=rest.filling)
    beginning = rest.beyond if rest.filled else rest.start
    if _is_header(beginning):
        return finding("concatenated", end=rest.offset)
    return finding("trailing", end=rest.offset, count=rest.length)


def _is_header(start: bytes) -> bool:
    return len(start) >= 4 and start[0] == MAGIC and 1 <= start[1] <= MOST_SEGMENTS and start[2] <= 5


def length_check(walk: Walk, rest: Rest | None, what: str) -> Check:
    """Whether the file ends where the image does."""
    if walk.end is None or rest is None:
        return Check("length", what, CheckResult.WRONG, "the end of the image was not found")
    if rest.length:
        detail = f"the image ends at {walk.end:,}, the file at {walk.end + rest.length:,}"
        return Check("length", what, CheckResult.WRONG, detail)
    return Check("length", what, CheckResult.VERIFIED, f"{walk.end:,} bytes")


def headers_check(what: str) -> Check:
    """Said where only the XOR protects an image."""
    detail = "the XOR covers what the segments hold: a change in the headers may not be told"
    return Check("headers", what, CheckResult.UNKNOWN, detail)
