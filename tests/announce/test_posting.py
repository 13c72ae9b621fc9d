"""One message to a receiver: taken or not, said in a sentence that repeats no address."""

from __future__ import annotations

import asyncio
import base64
import ssl

import pytest
import trustme

from announce.receiver import OK, SILENCE, Receiver, receiving
from homie_ota.announce import posting
from homie_ota.announce.posting import post
from servers import unused_port

PLAIN = {"Content-Type": "application/json"}


async def answer(*answers: bytes, path: str = "/hook") -> tuple[str, Receiver]:
    async with receiving() as receiver:
        receiver.answers.extend(answers)
        return await post(f"{receiver.url}{path}", PLAIN, b"{}"), receiver


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (OK, ""),
        (b"HTTP/1.0 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", ""),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "It answered 404."),
        (b"HTTP/1.1 500\r\n\r\n", "It answered 500."),
        (b"SSH-2.0-OpenSSH\r\n", "What it answered is no HTTP."),
        (b"HTTP/1.1 abc\r\n\r\n", "What it answered is no HTTP."),
        (b"x" * 200_000, "What it answered is no HTTP."),
        (b"\n", "What it answered is no HTTP."),
    ],
)
async def test_only_a_status_of_200_and_something_means_taken(said: bytes, sentence: str) -> None:
    why, _ = await answer(said)
    assert why == sentence


async def test_a_redirect_is_told_and_not_followed() -> None:
    async with receiving() as elsewhere:
        said = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}/there\r\n\r\n".encode()
        why, _ = await answer(said)
        assert why.startswith("It answered 302, a redirect; none is followed.")
        assert elsewhere.got == []


async def test_the_request_is_what_a_receiver_expects() -> None:
    _, receiver = await answer(path="/a b/ü?key=a b&x=1")
    (got,) = receiver.got
    assert got.line == "POST /a%20b/%C3%BC?key=a%20b&x=1 HTTP/1.1"
    assert got.headers["host"] == receiver.url.removeprefix("http://")
    assert got.body == b"{}"
    assert "authorization" not in got.headers


async def test_a_user_in_the_address_is_sent_as_browsers_do_and_not_as_a_host() -> None:
    async with receiving() as receiver:
        url = receiver.url.replace("//", "//jo:s%40crt@")
        assert await post(url, PLAIN, b"{}") == ""
        (got,) = receiver.got
    assert base64.b64decode(got.headers["authorization"].split()[1]) == b"jo:s@crt"
    assert "jo" not in got.headers["host"]


async def test_who_hangs_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT", 0.2)
    why, _ = await answer(SILENCE)
    assert why.startswith("It did not answer within")


async def test_who_drips_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT", 0.3)

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        except OSError:
            writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "did not answer" in await post(f"http://127.0.0.1:{port}", PLAIN, b"{}")


async def test_nobody_there_nobody_known_and_no_encryption_are_told_apart() -> None:
    port = unused_port()
    assert (await post(f"http://127.0.0.1:{port}/s3cret", PLAIN, b"{}")).startswith("It cannot be reached: ")
    unknown = await post("http://nobody.invalid/s3cret", PLAIN, b"{}")
    assert unknown == "Its name is not known in the network."

    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        why = await post(f"https://127.0.0.1:{port}", PLAIN, b"{}")
    assert why == "No encrypted connection came about. Is it really https?"


async def test_a_certificate_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(ours)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ours) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        assert (await post(url, PLAIN, b"{}")).startswith("Its certificate is not trusted: ")
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        monkeypatch.setattr(posting, "_trust", lambda: trusting)
        assert await post(url, PLAIN, b"{}") == ""
