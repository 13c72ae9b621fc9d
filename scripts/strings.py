"""Writes src/homie_ota/web/locale/homie-ota.pot: every text that people read, for translators.

Rule: texts are found where they are used (`_("…")`, `{{ _('…') }}`, `{% trans %}`); this file only collects them. It
holds no time and no line numbers, so it changes only when a text does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

PROJECT = Path(__file__).parents[1]
WEB = PROJECT / "src" / "homie_ota" / "web"
TEMPLATE = WEB / "locale" / "homie-ota.pot"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {
    "templates/**.html": {
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "newstyle_gettext": "true",
        "silent": "false",
    }
}
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def texts() -> bytes:
    """The file as it should be."""
    always = datetime(2026, 1, 1, tzinfo=UTC)
    catalog = Catalog(
        project="homie-ota", charset="utf-8", fuzzy=False, creation_date=always, revision_date=always
    )
    catalog.header_comment = "# Texts of homie-ota's pages, for translators. Written by `make strings`."
    found = extract_from_dir(WEB, METHODS, OPTIONS, keywords=KEYWORDS, strip_comment_tags=True)
    for name, _line, message, comments, context in sorted(found, key=lambda each: (each[0], each[1])):
        catalog.add(message, None, [(name, 0)], auto_comments=comments, context=context)
    out = BytesIO()
    write_po(out, catalog, width=120, include_lineno=False, sort_output=True)
    return out.getvalue()


def main() -> None:
    """Write it."""
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(texts())
    print(f"{TEMPLATE.relative_to(PROJECT)}: {TEMPLATE.read_text().count('msgid ')} texts")


if __name__ == "__main__":
    main()
