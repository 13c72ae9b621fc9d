"""What the API says and takes about firmware, as JSON: short in lists, with everything that is inside for one image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import Field, Strict

from homie_ota.esp.compare import Line, Side
from homie_ota.esp.image import Inspection
from homie_ota.model import Firmware
from homie_ota.store.firmware import MAX_CHANGELOG, MAX_REQUIRES
from homie_ota.store.images import MAX_DESCRIPTION
from homie_ota.store.needed import Need
from homie_ota.web.api.asking import Flag, Shape
from homie_ota.web.api.shapes import Moment


class Flash(Shape):
    """What an image is built for: bytes of flash (0: unknown) and the mode in its header."""

    size: int
    mode: str


class FirmwareImage(Shape):
    """One stored image, as lists have it."""

    sha256: str
    md5: str
    name: str
    version: str
    filename: str
    brand: str | None
    chip: str
    flash: Flash
    kind: str
    size: int
    description: str
    uploaded_at: Moment
    uploaded_by: str
    warnings: list[str]
    override: str = Field(description="why a person stored it although the inspection refused it")
    requires: str = Field(description="versions of which one has to run before it, like `>=1.5`")
    proven: str = Field(description="what a bench device showed: `renewable`, `dead-end`, empty: not tried")
    in_use_by: int = Field(description="devices that run it, should run it or are being given it")


class Finding(Shape):
    """One thing that the inspection has to say; `severity` is note, warning, refusal or impossible."""

    code: str
    severity: str
    text: str
    advice: str


class Check(Shape):
    """One verification; `result` is verified, wrong, absent (there is nothing to check) or unknown."""

    what: str
    part: str
    result: str
    detail: str


class Segment(Shape):
    """A piece of an image: `length` bytes at `offset` of the file go to `address`."""

    address: int
    length: int
    offset: int


class Part(Shape):
    """One image, or another piece, in the file."""

    what: str
    offset: int
    length: int
    entry: int
    segments: list[Segment]


class AppDescriptor(Shape):
    """What the build system of the ESP32 family wrote into the image."""

    project: str
    version: str
    compiled: str
    idf: str
    elf_sha256: str
    secure_version: int


class NeededBy(Shape):
    """Who needs the image, so that it cannot be deleted.

    `why` is runs, target, given (an update runs), rollout, before (it ran before the last update) or good (the last
    one that ran well).
    """

    who: str
    why: str


class FirmwareDetails(FirmwareImage):
    """One stored image with everything that was found in it."""

    changelog: str
    findings: list[Finding]
    checks: list[Check]
    parts: list[Part]
    descriptor: AppDescriptor | None
    compiled: str = Field(
        description="ISO 8601 date or date and time, empty where the image does not tell it"
    )
    versions: list[str]
    signed: bool
    needed_by: list[NeededBy]


class StoredFirmware(FirmwareDetails):
    """What became of an upload."""

    remarks: list[str] = Field(description="what was sent along and not taken, in sentences")


class FirmwarePage(Shape):
    """Some images; `next` is the cursor of the following page."""

    items: list[FirmwareImage]
    total: int
    next: str | None


class FirmwareChange(Shape):
    """What to change; what is not named stays."""

    description: str | None = Field(default=None, max_length=MAX_DESCRIPTION)
    changelog: str | None = Field(default=None, max_length=MAX_CHANGELOG)
    requires: str | None = Field(
        default=None, max_length=MAX_REQUIRES, description="like `>=1.5`, or empty for anything"
    )


class Prune(Shape):
    """Which images to delete: all but the newest `keep` versions of each name and what somebody needs."""

    keep: Annotated[int, Strict()] | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="versions of a name and chip; else `keep_newest` of the settings",
    )
    dry_run: Flag = Field(default=False, description="only say what would go")


class Pruned(Shape):
    """What went (or, of a dry run, would go) and how many bytes that is."""

    keep: int
    dry_run: bool
    deleted: list[FirmwareImage]
    bytes: int


class CompareLine(Shape):
    """One thing about both images; empty where one has none. `note` says by how much numbers differ."""

    topic: str
    what: str
    a: str
    b: str
    differs: bool
    note: str


class Comparison(Shape):
    """Two images beside each other, differences first."""

    a: FirmwareImage
    b: FirmwareImage
    differences: int
    lines: list[CompareLine]


_SAME = (
    "sha256",
    "md5",
    "name",
    "version",
    "filename",
    "chip",
    "kind",
    "size",
    "description",
    "uploaded_at",
    "uploaded_by",
    "override",
    "requires",
    "proven",
)


def firmware(image: Firmware, in_use_by: int) -> FirmwareImage:
    """An image from its row."""
    return FirmwareImage(**_short(image, in_use_by))


def _short(image: Firmware, in_use_by: int) -> dict[str, Any]:
    return {
        **{name: getattr(image, name) for name in _SAME},
        "brand": image.brand or None,
        "flash": Flash(size=image.flash_size, mode=image.flash_mode),
        "warnings": [*image.warnings],
        "in_use_by": in_use_by,
    }


def details(image: Firmware, seen: Inspection, in_use_by: int, needs: Iterable[Need]) -> FirmwareDetails:
    """An image with what was found in it."""
    return FirmwareDetails(
        **_short(image, in_use_by),
        changelog=image.changelog,
        findings=[Finding(**each._asdict()) for each in seen.findings],
        checks=[Check(**each._asdict()) for each in seen.checks],
        parts=[_part(each) for each in seen.parts],
        descriptor=AppDescriptor(**seen.descriptor._asdict()) if seen.descriptor else None,
        compiled=seen.compiled,
        versions=[*seen.versions],
        signed=seen.signed,
        needed_by=[NeededBy(who=each.who, why=each.why) for each in needs],
    )


def _part(part: Any) -> Part:
    segments = [Segment(**each._asdict()) for each in part.segments]
    return Part(**{**part._asdict(), "segments": segments})


def comparison(a: Side, b: Side, lines: Sequence[Line], used: dict[str, int]) -> Comparison:
    """Two images beside each other."""
    return Comparison(
        a=firmware(a.firmware, used[a.firmware.sha256]),
        b=firmware(b.firmware, used[b.firmware.sha256]),
        differences=sum(line.differs for line in lines),
        lines=[CompareLine(**line._asdict(), differs=line.differs) for line in lines],
    )
