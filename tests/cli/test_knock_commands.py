"""`knocks` and `adopt`: who asks for an update over HTTP and is not known, on the command line."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from cli.conftest import Run
from webserver import WebServer

MAC = "A0:20:A6:14:85:06"


def knock(server: WebServer) -> None:
    told = {"x-ESP8266-STA-MAC": MAC, "x-ESP8266-version": "1.0.0", "x-ESP8266-free-space": "500000"}
    asked = urllib.request.Request(f"{server.url}/ota", headers=told)
    try:
        urllib.request.urlopen(asked).close()
    except urllib.error.HTTPError as answer:
        assert answer.code == 304  # noqa: PT017
        answer.close()


def test_a_sketch_that_knocks_is_listed_adopted_and_gone_from_the_list(run: Run, server: WebServer) -> None:
    assert run("knocks") == (0, "Nobody knocks.\n", "")
    knock(server)
    status, out, _ = run("knocks")
    assert (status, MAC in out, "500000" in out) == (0, True, True)
    assert json.loads(run("knocks", "--json")[1])[0]["version"] == "1.0.0"
    assert run("adopt", MAC, "--name", "Greenhouse", "--base", "garden") == (
        0,
        "Greenhouse is the device garden~a020a6148506 now.\n",
        "",
    )
    assert run("knocks") == (0, "Nobody knocks.\n", "")
    assert "Greenhouse" in run("devices")[1]


def test_one_can_be_taken_off_the_list_and_nobody_is_adopted_who_did_not_knock(
    run: Run, server: WebServer
) -> None:
    status, _, said = run("adopt", "A0:20:A6:14:85:77", "--name", "Lamp")
    assert (status, "Nobody knocks" in said) == (3, True)
    server.database.write_now(lambda conn: None)
    told = {"x-ESP8266-STA-MAC": "A0:20:A6:14:85:77"}
    asked = urllib.request.Request(f"{server.url}/ota", headers=told)
    try:
        urllib.request.urlopen(asked).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    assert run("knocks", "--forget", "A0:20:A6:14:85:77")[0] == 0
    assert run("knocks", "--forget", "A0:20:A6:14:85:77")[0] == 3
