"""Every command in README, tutorial and how-tos works, typed as it stands there, page by page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from docs.installed import PROJECT
from docs.recipes import Block, every_block, pages, recipes, world_of
from docs.world import type_in, world
from servers import Mosquitto

PAGES = pages(PROJECT)
RUN = [page for page in PAGES if any(not block.why_not for block in recipes(page.read_text("utf-8")))]


def named(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


@pytest.mark.timeout(240)
@pytest.mark.mosquitto("max_queued_messages 1000000")
@pytest.mark.parametrize("page", RUN, ids=named)
async def test_every_command_of_a_page_works(page: Path, tmp_path: Path, mosquitto: Mosquitto) -> None:
    text = await asyncio.to_thread(page.read_text, "utf-8")
    blocks = [block for block in recipes(text) if not block.why_not]
    async with world(tmp_path, world_of(text), mosquitto) as here:
        done = await asyncio.to_thread(type_in, here, blocks)
    said = "\n".join(done.said)
    if done.failed is not None:
        block = blocks[done.failed]
        pytest.fail(
            f"{named(page)}:{block.line}: this fails:\n{block.commands}\nIt said:\n{done.said[-1]}\n{said}"
        )
    for block, heard in zip(blocks, done.said, strict=True):
        assert block.unheard(heard, here.here) == [], f"{named(page)}:{block.line}: it said\n{heard}"


def test_what_cannot_be_run_here_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for page in PAGES:
            for block in recipes(page.read_text("utf-8")):
                if block.why_not:
                    print(f"\n  not run: {named(page)}:{block.line}: {block.why_not}", end="")
    without = [
        f"{named(page)}:{block.line}"
        for page in PAGES
        for block in recipes(page.read_text("utf-8"))
        if block.why_not and len(block.why_not) < 10
    ]
    assert without == []


COMMANDS = (
    "homie-ota ",
    "curl ",
    "sudo ",
    "make ",
    "pip ",
    "docker ",
    "python3 ",
    "openssl ",
    "export ",
    "$ ",
)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_block_hides_commands_that_nobody_tries(page: Path) -> None:
    blocks = every_block(page.read_text("utf-8"))
    hidden = [block.line for block in blocks if not block.language and block.text.startswith(COMMANDS)]
    assert hidden == [], (
        "say ```sh or ```console, and `<!-- run: no, WHY -->` above it where that cannot be run"
    )


# --- the runner itself


def test_blocks_are_found_with_what_is_said_of_them() -> None:
    text = (
        "# A\n\n```sh\nls\n```\n\n<!-- run: no, it needs an ESP -->\n```sh\nesptool\n```\n"
        "<!-- run: stays -->\n\n```console\n$ homie-ota serve\nhomie-ota: …\n```\n\n```toml\na = 1\n```\n"
    )
    first, second, third = recipes(text)
    assert (first.line, first.commands, first.why_not, first.stays) == (3, "ls\n", "", False)
    assert (second.why_not, second.line) == ("it needs an ESP", 8)
    assert (third.stays, third.commands, third.answers) == (True, "homie-ota serve\n", ["homie-ota: …"])
    assert [block.language for block in every_block(text)] == ["sh", "sh", "console", "toml"]
    (doubtful,) = recipes("<!-- run: may end with 1 -->\n```sh\nhomie-ota doctor\n```\n")
    assert doubtful.may_fail


@pytest.mark.parametrize(
    ("answer", "said", "is_heard"),
    [
        ("lamp 2.0.0", "lamp 2.0.0\n", True),
        ("lamp 2.0.0", "lamp 2.0.1\n", False),
        ("lamp … ready", "lamp   2.0.0  ready\n", True),
        ("lamp … ready", "lamp\nready\n", False),
    ],
)
def test_an_answer_of_the_document_has_to_be_heard(answer: str, said: str, is_heard: bool) -> None:
    block = Block(1, "console", f"$ homie-ota devices\n{answer}\n")
    assert (block.unheard(said) == []) is is_heard
