"""The API's client against the real application, and against servers and proxies that are none."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from certificates import Authority
from homie_ota.client import Api, Wanted
from homie_ota.errors import (
    BadFirmware,
    Conflict,
    HomieOtaError,
    NotAllowed,
    NotEligible,
    NotFound,
    StorageFull,
    TooLarge,
    Unreachable,
    WrongUse,
)
from homie_ota.rollout.lifecycle import Event
from homie_ota.simulator.images import make_image
from webserver import Scripted, WebServer, send


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    started = WebServer(tmp_path_factory.mktemp("server"))
    yield started
    started.stop()


@pytest.fixture
def server(running: WebServer) -> WebServer:
    running.clear()
    return running


@pytest.fixture
def api(server: WebServer) -> Api:
    return Api(server.url, server.token)


@pytest.fixture
def script() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], Scripted]]:
    started: list[Scripted] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Scripted:
        started.append(Scripted(answer))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def image(tmp_path: Path, name: str = "lamp", version: str = "2.0.0") -> Path:
    path = tmp_path / f"{name}.bin"
    path.write_bytes(make_image(name, version, size=200_000))
    return path


# --- The real application ------------------------------------------------------------------------------------------


def test_all_devices_come_page_after_page(server: WebServer, api: Api) -> None:
    server.add_devices([(pk, f"lamp-{pk:03}") for pk in range(1, 206)])
    assert [device["id"] for device in api.devices()] == [f"homie~lamp-{pk:03}" for pk in range(1, 206)]
    assert len(list(api.devices(limit=3))) == 3
    assert [device["id"] for device in api.devices("id:*-00*", sort="-id", limit=2)] == [
        "homie~lamp-009",
        "homie~lamp-008",
    ]


def test_a_device_is_found_by_a_bare_id_and_two_of_one_id_are_a_conflict(server: WebServer, api: Api) -> None:
    server.add_device(1, "hall")
    server.add_device(2, "plug")
    server.add_device(3, "plug", "homie/5/")
    assert api.device("hall")["id"] == "homie~hall"
    assert api.device("homie~5~plug")["base"] == "homie/5/"
    with pytest.raises(Conflict, match="homie~5~plug, homie~plug"):
        api.device("plug")
    with pytest.raises(NotFound, match="no device 'nowhere'"):
        api.device("nowhere")
    with pytest.raises(NotFound):
        api.device("x/../y")


def test_an_image_is_uploaded_with_progress_and_listed(api: Api, tmp_path: Path) -> None:
    path, told = image(tmp_path), []
    stored = api.upload(path, description="née “x”", progress=lambda sent, whole: told.append((sent, whole)))
    assert (stored["name"], stored["version"], stored["description"]) == ("lamp", "2.0.0", "née “x”")
    assert told == [(65536, 200_000), (131_072, 200_000), (196_608, 200_000), (200_000, 200_000)]
    assert [each["sha256"] for each in api.firmware()] == [stored["sha256"]]


def test_a_name_and_a_version_can_be_typed_for_an_image_without_magic(api: Api, tmp_path: Path) -> None:
    path = tmp_path / 'odd "name".bin'
    path.write_bytes(make_image("", "", size=50_000))
    stored = api.upload(path, name="plug", version="3")
    assert (stored["name"], stored["version"]) == ("plug", "3")


def test_what_is_no_image_is_refused_with_the_servers_sentence(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "page.bin"
    path.write_text("<html>not found</html>")
    with pytest.raises(BadFirmware, match="HTML"):
        api.upload(path)
    assert api.firmware() == []


def test_an_upload_that_is_too_large_is_refused_before_its_end(
    server: WebServer, api: Api, tmp_path: Path
) -> None:
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(80 << 20)
    with pytest.raises(TooLarge, match="larger"):
        api.upload(path)


@pytest.mark.parametrize("name", ["missing.bin", "."])
def test_a_file_that_cannot_be_read_is_wrong_use(api: Api, tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongUse, match="cannot be read"):
        api.upload(tmp_path / name)


def test_an_order_is_followed_to_its_end(server: WebServer, api: Api, tmp_path: Path) -> None:
    server.add_device(1, "hall")
    stored = api.upload(image(tmp_path))
    made = api.order("hall", stored["sha256"])
    assert (made["state"], made["device"], made["attempt"]) == ("queued", "homie~hall", 1)
    number = made["id"]
    moves = iter([(Event.OFFER,), (Event.ACCEPT, Event.FLASH), (Event.CONFIRM,), (Event.HEAL,)])
    seen = []
    for now in api.follow([number], every=0.01):
        seen.append(now["state"])
        server.move(number, *next(moves, ()))
    assert seen == ["queued", "offered", "rebooting", "verifying", "succeeded"]
    assert [each["id"] for each in api.deployments(device="hall", state="succeeded")] == [number]
    assert api.why("hall")["device"] == "homie~hall"


def test_several_orders_are_followed_together(server: WebServer, api: Api, tmp_path: Path) -> None:
    sha256 = api.upload(image(tmp_path))["sha256"]
    for pk in (1, 2):
        server.add_device(pk, f"lamp-{pk}")
        api.order(f"lamp-{pk}", sha256)
    seen = []
    for now in api.follow([1, 2], every=0.01):
        seen.append((now["id"], now["state"]))
        if len(seen) == 2:
            api.cancel(1)
            server.move(2, Event.OFFER, Event.BREAK)
    assert seen == [(1, "queued"), (2, "queued"), (1, "cancelled"), (2, "failed")]


def test_refusals_of_an_order_are_told_apart(server: WebServer, api: Api, tmp_path: Path) -> None:
    sha256 = api.upload(image(tmp_path))["sha256"]
    server.add_device(1, "off", ota_enabled=False)
    server.add_device(2, "busy")
    api.order("busy", sha256)
    with pytest.raises(NotEligible, match="switched off"):
        api.order("off", sha256)
    with pytest.raises(Conflict, match="Deployment 1"):
        api.order("busy", sha256)
    with pytest.raises(NotFound):
        api.order("busy", "0" * 64)
    with pytest.raises(NotFound, match="no deployment 99"):
        api.cancel(99)
    server.move(1, Event.OFFER)
    with pytest.raises(Conflict, match="cannot be told to stop"):
        api.cancel(1)


def test_a_query_without_meaning_is_wrong_use_with_its_position(api: Api) -> None:
    with pytest.raises(WrongUse, match=r"did you mean fw\?.*character 1"):
        list(api.devices("frm:lamp"))


def test_without_a_token_the_way_to_one_is_told(server: WebServer) -> None:
    with pytest.raises(NotAllowed, match="HOMIE_OTA_TOKEN"):
        Api(server.url).firmware()
    with pytest.raises(NotAllowed, match="mistyped, has ended, or was revoked") as caught:
        Api(server.url, "hota_wrong").firmware()
    assert "HOMIE_OTA_TOKEN" not in str(caught.value), "one was given"


def test_the_names_of_codes_and_exits_are_the_same_on_both_sides(server: WebServer, api: Api) -> None:
    with pytest.raises(WrongUse) as caught:
        list(api.devices(sort="beauty"))
    assert caught.value.exit_status == 2


# --- Other servers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "server",
    ["ftp://host", "http://", "http://[::1", "http://host:port", "http://host:0", "http://a:99999", "://"],
)
def test_what_is_no_address_is_wrong_use(server: str) -> None:
    with pytest.raises(WrongUse, match="expected one like"):
        Api(server)


def test_a_password_in_a_wrong_address_is_not_repeated() -> None:
    with pytest.raises(WrongUse) as caught:
        Api("http://admin:secret@host:port")
    assert "secret" not in str(caught.value)


def test_nobody_there_is_unreachable_and_names_the_address(free_port: int) -> None:
    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{free_port}: Connection refused"):
        Api(f"127.0.0.1:{free_port}/").firmware()


def test_a_name_that_nobody_knows_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="No answer"):
        Api("http://no.such.host.invalid").firmware()
    with pytest.raises(Unreachable, match="No answer"):
        Api(f"http://{'x' * 80}.invalid").firmware()


def test_a_server_that_says_nothing_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        api = Api(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
        with pytest.raises(Unreachable, match="timed out"):
            api.firmware()


def test_a_certificate_of_ones_own_is_told_with_what_makes_it_trusted(tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*Authority(tmp_path / "ca").issue("127.0.0.1"))
    with (
        socket.create_server(("127.0.0.1", 0)) as plain,
        context.wrap_socket(plain, server_side=True) as secure,
    ):

        def refuse() -> None:
            with contextlib.suppress(OSError):
                secure.accept()

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(Unreachable, match=r"is not trusted: .*SSL_CERT_FILE") as caught:
            Api(f"https://127.0.0.1:{secure.getsockname()[1]}").firmware()
        thread.join()
    assert "Is the server running" not in str(caught.value)


def test_a_server_that_speaks_another_language_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def hang_up() -> None:
            connection, _ = other.accept()
            connection.recv(1000)
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(Unreachable, match="No answer"):
            Api(f"http://127.0.0.1:{other.getsockname()[1]}").firmware()
        thread.join()


Start = Callable[[Callable[[BaseHTTPRequestHandler], None]], Scripted]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad-firmware", BadFirmware),
        (409, "not-eligible", NotEligible),
        (409, "conflict", Conflict),
        (507, "storage-full", StorageFull),
        (409, "a-newer-word", Conflict),
        (403, "", NotAllowed),
        (422, "", WrongUse),
        (503, "", Unreachable),
        (500, "failed", HomieOtaError),
        (418, "", HomieOtaError),
    ],
)
def test_a_problem_becomes_the_error_of_its_code(
    script: Start, status: int, code: str, kind: type[HomieOtaError]
) -> None:
    problem = json.dumps({"title": "T", "detail": "The sentence.", "code": code})
    started = script(lambda handler: send(handler, status, problem))
    with pytest.raises(HomieOtaError, match="The sentence") as caught:
        Api(started.url).device("x")
    assert type(caught.value) is kind


def test_the_page_of_a_proxy_is_not_taken_for_an_answer(script: Start) -> None:
    started = script(lambda handler: send(handler, 502, "<html>Bad Gateway</html>"))
    with pytest.raises(Unreachable, match="answers 502 Bad Gateway"):
        Api(started.url).firmware()


@pytest.mark.parametrize("body", ["<html>", "[1, 2", '"text"', "7", "null"])
def test_a_page_that_is_no_api_is_not_taken_for_one(script: Start, body: str) -> None:
    started = script(lambda handler: send(handler, 200, body))
    with pytest.raises(Unreachable, match="not as a homie-ota server"):
        Api(started.url).device("x")
    with pytest.raises(Unreachable, match="not as a homie-ota server"):
        Api(started.url).readings("x")


def test_a_redirect_is_told_and_the_token_does_not_follow_it(script: Start) -> None:
    elsewhere = script(lambda handler: send(handler, 200, "{}"))
    started = script(lambda handler: send(handler, 302, "", Location=elsewhere.url))
    with pytest.raises(Unreachable, match=elsewhere.url):
        Api(started.url, "secret").device("x")
    assert elsewhere.seen == []


def test_a_prefix_and_a_login_of_the_address_are_used(script: Start) -> None:
    started = script(lambda handler: send(handler, 200, "{}"))
    address = started.url.replace("http://", "http://admin:p%40ss@") + "/ota/"
    api = Api(address)
    api.device("homie~a/b ü")
    _, path, headers, _ = started.seen[0]
    assert path == "/ota/api/v1/devices/homie~a%2Fb%20%C3%BC"
    assert headers["Authorization"] == "Basic YWRtaW46cEBzcw=="
    assert "p@ss" not in api.server
    Api(address, "hota_x").device("x")
    assert started.seen[1][2]["Authorization"] == "Bearer hota_x"


@pytest.mark.parametrize("token", ["a\r\nX: y", "tökén", "\x00"])
def test_a_token_cannot_smuggle_a_header(token: str) -> None:
    with pytest.raises(WrongUse, match="token"):
        Api("http://127.0.0.1", token)


def test_a_server_that_restarts_is_waited_for(script: Start) -> None:
    answers = iter([(503, "{}"), (502, "<html>"), (200, '{"id": 1, "state": "succeeded"}')])
    started = script(lambda handler: send(handler, *next(answers)))
    assert [each["state"] for each in Api(started.url).follow([1], every=0.01)] == ["succeeded"]
    assert len(started.seen) == 3


def test_a_server_that_stays_away_is_not_waited_for_for_ever(free_port: int) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable):
        list(Api(f"http://127.0.0.1:{free_port}").follow([1], every=0.01, patience=0.1))
    assert time.monotonic() - began >= 0.1


def test_progress_is_news_and_repetition_is_not(script: Start) -> None:
    moving = {"id": 1, "state": "transferring", "bytes_done": 1, "reason": None}
    steps = [moving, moving, {**moving, "bytes_done": 2}, {**moving, "state": "failed", "reason": "No."}]
    answers = iter(steps)
    started = script(lambda handler: send(handler, 200, json.dumps(next(answers))))
    assert list(Api(started.url).follow([1], every=0.01)) == [steps[0], *steps[2:]]


# --- Events that are followed ---------------------------------------------------------------------------------------


def test_who_follows_events_comes_back_with_the_last_number(
    script: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = iter(
        [
            'retry: 2000\n\nid: 5\ndata: {"seq": 5, "kind": "device"}\n\n:\nid: 7\n\n',
            'id: 9\ndata: {"seq": 9,\ndata: "kind": "device"}\n\n',
        ]
    )

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if (part := next(parts, None)) is None:
            send(handler, 404, '{"code": "not-found", "detail": "Enough."}')
        else:
            send(handler, 200, part)

    server = script(answer)
    seen = []
    with pytest.raises(NotFound, match="Enough"):
        for event in Api(server.url).follow_events(Wanted(3, "hall", ("device",)), every=0.0):
            seen.append(event["seq"])  # noqa: PERF401 - it ends with an error
    assert seen == [5, 9]
    assert [path.partition("since=")[2].partition("&")[0] for _, path, _, _ in server.seen] == ["3", "7", "9"]
    assert all("device=hall&kind=device" in path for _, path, _, _ in server.seen)


def test_events_of_a_server_that_was_never_there_are_not_waited_for() -> None:
    with pytest.raises(Unreachable):
        next(Api("http://127.0.0.1:1").follow_events(Wanted()))


def test_an_image_that_arrives_cut_off_leaves_no_file(script: Start, tmp_path: Path) -> None:
    server = script(lambda handler: send(handler, 200, "half of it"))
    with pytest.raises(HomieOtaError, match="not the image"):
        Api(server.url).save_image("0" * 64, tmp_path / "x.bin")
    assert list(tmp_path.iterdir()) == []
