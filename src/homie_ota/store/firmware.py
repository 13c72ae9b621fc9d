"""Rows of firmware: what images there are, which one somebody means, and what people write about them.

Rule: identity is the SHA-256; name and version only find. Nothing is deleted that somebody needs, which `needed` says.
How files become rows is in `intake`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound, WrongUse
from homie_ota.esp.image import Inspection, Severity, clean, from_data
from homie_ota.model import Firmware
from homie_ota.rollout import constraint
from homie_ota.rollout.versions import version_key
from homie_ota.store import needed
from homie_ota.store.database import upsert
from homie_ota.store.tables import firmware

SORTS: dict[str, tuple[Any, ...]] = {
    "name": (firmware.c.name, firmware.c.version_key),
    "version": (firmware.c.version_key, firmware.c.name),
    "size": (firmware.c.size,),
    "chip": (firmware.c.chip, firmware.c.name),
    "brand": (firmware.c.brand, firmware.c.name),
    "uploaded": (firmware.c.uploaded_at,),
    "description": (firmware.c.description,),
}
"""What lists can be sorted by; with a `-` in front the other way round."""

MAX_CHANGELOG = 20_000
MAX_REQUIRES = constraint.LONGEST
_SHORTEST_HASH = 8

_SAME = ("sha256", "md5", "name", "version", "filename", "size", "brand", "chip", "kind")
_TOLD = ("description", "changelog", "override", "requires", "proven")
_PLAIN = (*_SAME, *_TOLD, "uploaded_at", "uploaded_by")
"""Columns that a Firmware has under the same name."""
_COLUMNS = [firmware.c[name] for name in (*_PLAIN, "flash", "mode", "inspection")]  # not the bytes


def _read(row: Any) -> Firmware:
    seen = row["inspection"]
    return Firmware(
        **{name: row[name] for name in _PLAIN},
        flash_size=row["flash"],
        flash_mode=row["mode"],
        warnings=(*seen.get("warnings", ()), *_refused(seen)),
        signed=bool(seen.get("signed")),
        magic=_tells_its_name(seen),
    )


def _refused(seen: Mapping[str, Any]) -> list[str]:
    """What would be refused as an upload, and is stored all the same, is a warning from then on."""
    grave = (Severity.REFUSAL, Severity.IMPOSSIBLE)
    return [each["text"] for each in seen.get("findings", ()) if each["severity"] in grave]


def _tells_its_name(inspection: Mapping[str, Any]) -> bool:
    """Whether the image has the Homie magic; rows of 0.1.0 say just that, newer ones what it says."""
    said = inspection.get("magic", False)
    return said if isinstance(said, bool) else any(word in ("name", "version") for word, _ in said)


def add(connection: Connection, new: Firmware, inspection: Inspection, now: float, by: str) -> Firmware:
    """Add a row for an image that is on the disk; the same SHA-256 again returns the row that there is."""
    row = {
        **{name: getattr(new, name) for name in _PLAIN},
        **_seen(inspection, new.warnings),
        "version_key": version_key(new.version),
        "uploaded_at": now,
        "uploaded_by": by,
    }
    upsert(connection, firmware, [row], ["sha256"], [])
    stored = get(connection, new.sha256)
    assert stored is not None
    return stored


def _seen(found: Inspection, warnings: Iterable[str] = ()) -> dict[str, Any]:
    """What an inspection says, as columns; `warnings` are those that it does not know."""
    return {
        "brand": found.brand,
        "chip": found.chip,
        "flash": found.flash_size,
        "mode": found.flash_mode,
        "kind": found.kind,
        "inspection": {**found.as_data(), "warnings": [*dict.fromkeys((*found.warnings, *warnings))]},
    }


def found_here(connection: Connection) -> list[str]:
    """The hashes of images that nobody uploaded: they were in the directory when a server took it over."""
    return list(
        connection.execute(sa.select(firmware.c.sha256).where(firmware.c.uploaded_by == "")).scalars()
    )


def not_looked_into(connection: Connection) -> list[str]:
    """The files of images that an older version took in: it did not look at what is inside."""
    rows = connection.execute(sa.select(firmware.c.filename, firmware.c.inspection))
    return [filename for filename, seen in rows if "parts" not in seen]


def look_into(connection: Connection, sha256: str, found: Inspection) -> None:
    """Note what was found in an image that is stored already; older warnings stay."""
    row = _one(connection, firmware.c.sha256 == sha256)
    if row:
        update = firmware.update().where(firmware.c.sha256 == sha256)
        connection.execute(update.values(**_seen(found, row.warnings)))


def _askable(text: str) -> str:
    """What may be asked of any database: PostgreSQL refuses NUL and half a surrogate pair."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _one(connection: Connection, condition: Any) -> Firmware | None:
    row = connection.execute(sa.select(*_COLUMNS).where(condition)).mappings().first()
    return _read(row) if row else None


def get(connection: Connection, sha256: str) -> Firmware | None:
    """The firmware with this SHA-256, None when there is none."""
    row = connection.execute(_BY_SHA256, {"wanted": _askable(sha256)}).mappings().first()
    return _read(row) if row else None


_BY_SHA256 = sa.select(*_COLUMNS).where(firmware.c.sha256 == sa.bindparam("wanted"))


def by_filename(connection: Connection, filename: str) -> Firmware | None:
    """The firmware whose file has this name."""
    return _one(connection, firmware.c.filename == _askable(filename))


def by_md5(connection: Connection, md5: str) -> Firmware | None:
    """The firmware that a device with this checksum runs."""
    return _one(connection, firmware.c.md5 == _askable(md5.lower()))


def _wanted(name: str | None, version: str | None, text: str) -> list[Any]:
    conditions = [] if name is None else [firmware.c.name == _askable(name)]
    conditions += [] if version is None else [firmware.c.version == _askable(version)]
    shown = (
        firmware.c.name,
        firmware.c.version,
        firmware.c.brand,
        firmware.c.filename,
        firmware.c.description,
    )
    conditions += [
        sa.or_(*(c.icontains(word, autoescape=True) for c in shown)) for word in _askable(text).split()
    ]
    return conditions


def find(
    connection: Connection,
    name: str | None = None,
    version: str | None = None,
    text: str = "",
    sort: str = "-uploaded",
    limit: int | None = None,
    offset: int = 0,
) -> list[Firmware]:
    """One page of the firmware of this name and version whose texts hold every word of `text`.

    `sort` is a key of SORTS, with `-` for the other way round; another one raises WrongUse.
    """
    query = sa.select(*_COLUMNS).where(*_wanted(name, version, text)).order_by(*_order(sort))
    return [_read(row) for row in connection.execute(query.limit(limit).offset(offset)).mappings()]


def hashes(
    connection: Connection,
    name: str | None = None,
    version: str | None = None,
    text: str = "",
    sort: str = "-uploaded",
) -> list[str]:
    """The SHA-256 of all that `find` would give without a limit, in its order."""
    query = sa.select(firmware.c.sha256).where(*_wanted(name, version, text)).order_by(*_order(sort))
    return list(connection.execute(query).scalars())


def _order(sort: str) -> list[sa.ColumnElement[Any]]:
    columns = SORTS.get(sort.removeprefix("-"))
    if columns is None:
        nearest = get_close_matches(sort.removeprefix("-"), SORTS, 1, 0.0)[0]
        raise WrongUse(
            f'Firmware cannot be sorted by "{clean(sort)}". The nearest known word is "{nearest}".'
        )
    return [c.desc() if sort.startswith("-") else c for c in (*columns, firmware.c.sha256)]


def total(connection: Connection, name: str | None = None, version: str | None = None, text: str = "") -> int:
    """How many `find` would give without a limit."""
    query = sa.select(sa.func.count()).select_from(firmware).where(*_wanted(name, version, text))
    return connection.execute(query).scalar_one()


def named(connection: Connection, name: str, version: str) -> list[Firmware]:
    """All images of exactly this name and version, the newest first: name and version are not identity."""
    return find(connection, name, version)


def resolve(connection: Connection, text: str) -> Firmware:
    """The one firmware that somebody means by NAME@VERSION or by (the beginning of) a SHA-256.

    Raises NotFound, or Conflict with the hashes when it means several.
    """
    name, at, version = text.strip().rpartition("@")
    meant = named(connection, name, version) if at else _beginning_with(connection, version.lower())
    if len(meant) == 1:
        return meant[0]
    if meant:
        hashes = ", ".join(f"{each.sha256[:12]} ({each.filename})" for each in meant[:10])
        raise Conflict(f"{clean(text)} means {len(meant)} images; say which one by its hash: {hashes}.")
    raise NotFound(f"There is no firmware {clean(text)}.{_others(connection, name)}")


def _beginning_with(connection: Connection, start: str) -> list[Firmware]:
    if not set(start) <= set("0123456789abcdef") or not _SHORTEST_HASH <= len(start) <= 64:
        raise NotFound(
            f"There is no firmware {clean(start)}. Name it as NAME@VERSION, or by its SHA-256 (at least "
            f"{_SHORTEST_HASH} digits)."
        )
    query = sa.select(*_COLUMNS).where(firmware.c.sha256.startswith(start)).limit(10)
    return [_read(row) for row in connection.execute(query).mappings()]


def _others(connection: Connection, name: str) -> str:
    versions = [each.version for each in find(connection, name, sort="-version", limit=5)] if name else []
    return f" There is {clean(name)} in {', '.join(versions)}." if versions else ""


def inspection(connection: Connection, sha256: str) -> Inspection:
    """What was found in an image when it came in; an empty one where there is no such image."""
    found = connection.execute(sa.select(firmware.c.inspection).where(firmware.c.sha256 == sha256)).scalar()
    return from_data(found or {})


def write_about(connection: Connection, image: Firmware) -> None:
    """Keep what people write about an image: description, changelog, requires."""
    texts = {"description": image.description, "changelog": image.changelog, "requires": image.requires}
    connection.execute(firmware.update().where(firmware.c.sha256 == image.sha256).values(**texts))


def tidy_requires(text: str) -> str:
    """A constraint on the version that has to run before, as it is kept; raises WrongUse when it is none."""
    text = clean(text, MAX_REQUIRES + 1)
    if constraint.read(text) is None:
        raise WrongUse(
            f"“{text}” names no versions. Expected is what has to run before this image: a version (1.5), a bound "
            "(>=1.5), two (>=1.5,<2), all of a line (2.*), or nothing."
        )
    return text


def rename(connection: Connection, sha256: str, filename: str) -> None:
    """Note that the image is in another file now."""
    connection.execute(firmware.update().where(firmware.c.sha256 == sha256).values(filename=filename))


def delete(connection: Connection, sha256: str) -> Firmware:
    """Delete the row and return what it was, so that its file can go too; raises NotFound, or Conflict while needed."""
    found = get(connection, sha256)
    if found is None:
        raise NotFound(f"There is no firmware {clean(sha256)}.")
    if needs := needed.find(connection, [sha256]):
        raise Conflict(f"{found.filename} was not deleted: {needed.sentence(needs)}.")
    drop(connection, [sha256])
    return found


def drop(connection: Connection, hashes: Sequence[str]) -> None:
    """Delete rows, whoever needs them."""
    connection.execute(firmware.delete().where(firmware.c.sha256.in_(hashes)))
