"""The section `[announce]`: what it takes from a file and the environment, and that it never shows a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homie_ota.config import Settings, load
from homie_ota.errors import WrongUse

SECRET = "hunter2hunter2hunter2"
HOOK = {"url": f"https://jo:{SECRET}@example.org/hook?key={SECRET}", "secret": SECRET}


def announce(**keys: Any) -> Any:
    return load(None, {}, {"announce": keys}).announce


def refused(**keys: Any) -> str:
    with pytest.raises(WrongUse) as caught:
        announce(**keys)
    return str(caught.value)


def test_nothing_is_told_to_anybody_by_itself() -> None:
    usual = Settings().announce
    assert (usual.home_assistant, usual.notify, usual.webhooks) == (False, (), ())


def test_a_file_names_several_hooks(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(
        f'[announce]\nnotify = ["ntfy://{SECRET}/a,b"]\n'
        f'[[announce.webhooks]]\nurl = "https://a.example/x/"\nsecret = "{SECRET}"\n'
        f'[[announce.webhooks]]\nurl = "http://b.example:81"\nsecret = "{SECRET}"\nevents = ["deployment", "alarm"]\n'
    )
    found = load(file, {}, {}).announce
    assert [each.get_secret_value() for each in found.notify] == [f"ntfy://{SECRET}/a,b"]
    assert [(hook.url.get_secret_value(), hook.events) for hook in found.webhooks] == [
        ("https://a.example/x", ()),
        ("http://b.example:81", ("deployment", "alarm")),
    ]


@pytest.mark.parametrize("text", ["ntfy://a mailto://b?to=x,y", '["ntfy://a", "mailto://b?to=x,y"]'])
def test_the_environment_names_addresses_with_spaces_between_or_as_json(text: str) -> None:
    found = load(None, {"HOMIE_OTA_ANNOUNCE__NOTIFY": text}, {}).announce
    assert [each.get_secret_value() for each in found.notify] == ["ntfy://a", "mailto://b?to=x,y"]


def test_the_environment_names_hooks_as_json() -> None:
    text = f'[{{"url": "https://a.example", "secret": "{SECRET}"}}]'
    (hook,) = load(None, {"HOMIE_OTA_ANNOUNCE__WEBHOOKS": text}, {}).announce.webhooks
    assert hook.secret.get_secret_value() == SECRET


@pytest.mark.parametrize("keys", [{"notify": [f"ntfy://{SECRET}"]}, {"webhooks": [HOOK]}])
def test_addresses_and_keys_are_never_shown(keys: dict[str, Any]) -> None:
    settings = load(None, {}, {"announce": keys})
    assert SECRET not in repr(settings) + str(settings) + repr(settings.announce.webhooks)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"notify": SECRET + "["}, ""),
        ({"notify": "[" + SECRET}, 'a list like ["ntfy://topic"'),
        ({"notify": {"a": SECRET}}, "a list of texts"),
        ({"webhooks": SECRET}, "webhooks: expected"),
        ({"webhooks": [SECRET]}, "webhooks, entry 1"),
        ({"webhooks": [{**HOOK, "url": f"ftp://{SECRET}"}]}, "entry 1, url: expected an address like http"),
        ({"webhooks": [{**HOOK, "url": ""}]}, "entry 1, url: expected an address like https"),
        (
            {"webhooks": [HOOK, {**HOOK, "secret": SECRET[:15]}]},
            "entry 2, secret: expected at least 16 characters",
        ),
        ({"webhooks": [{"url": HOOK["url"]}]}, "entry 1, secret"),
        ({"webhooks": [{**HOOK, "urls": SECRET}]}, "entry 1, urls: nobody knows that key"),
    ],
)
def test_a_wrong_address_or_hook_is_told_without_its_secret(keys: dict[str, Any], expected: str) -> None:
    if expected:
        said = refused(**keys)
        assert expected in said
        assert "hunter2" not in said
    else:
        assert "hunter2" not in repr(announce(**keys))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"quiet_hours": "late"}, "times like 22:00-07:00"),
        ({"kinds": ["harm", "hram"]}, "kinds, entry 2: expected 'harm'"),
        ({"webhooks": [{**HOOK, "events": ["deployment", "rolout"]}]}, "'rolout' is none of them"),
        ({"webhooks": [HOOK, HOOK]}, "each address once"),
        ({"per_hour": 0}, "at least 1"),
        ({"home_assistant_prefix": "a/#"}, "without # and +"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(keys: dict[str, Any], expected: str) -> None:
    assert expected in refused(**keys)


def test_kinds_come_from_the_environment_too() -> None:
    found = load(None, {"HOMIE_OTA_ANNOUNCE__KINDS": "harm, quarantine"}, {}).announce
    assert found.kinds == ("harm", "quarantine")
