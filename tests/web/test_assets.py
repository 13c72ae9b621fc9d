"""Style sheets and scripts: as their authors published them, kept by browsers, and never an old one."""

from __future__ import annotations

import gzip
import hashlib

from homie_ota.web.assets import STATIC, assets, versioned
from web.world import World


def sums() -> dict[str, str]:
    text = (STATIC / "vendor" / "VENDOR.md").read_text()
    lines = text.split("```")[1].split("\n")
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines if line)}


def test_what_others_wrote_is_unchanged_and_named_with_its_sum() -> None:
    files = {path.name: path for path in (STATIC / "vendor").iterdir() if path.name != "VENDOR.md"}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == sums()


def test_what_others_wrote_names_no_place_to_load_from() -> None:
    text = (STATIC / "vendor" / "VENDOR.md").read_text()
    assert "://" not in text


def test_a_link_carries_a_digest_and_the_answer_may_be_kept_for_ever(world: World) -> None:
    link = versioned("/static/style.css")
    answer = world.client().get(link)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text == (STATIC / "style.css").read_text()


def test_an_old_link_gets_the_new_file_but_only_for_now(world: World) -> None:
    answer = world.client().get("/static/style.css?v=0123456789ab")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    again = world.client().get("/static/style.css", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_who_cannot_read_compressed_bytes_gets_plain_ones(world: World) -> None:
    plain = world.client().get("/static/common.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(assets()["common.js"].packed) == plain.content


def test_nothing_but_those_files_is_served(world: World) -> None:
    for path in (
        "/static/../app.py",
        "/static/nothing.css",
        "/static/",
        "/static/vendor",
        "/static/%2e%2e/app.py",
    ):
        assert world.client().get(path).status_code == 404, path
