"""The certificate of the pages: read from files, read again without a restart, and never exchanged for a broken one."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from certificates import Authority
from homie_ota.config import Settings
from homie_ota.errors import WrongUse
from homie_ota.service.certificate import Certificate, ends_at


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def files(authority: Authority) -> tuple[Path, Path]:
    return authority.issue("localhost", into="server")


def serial(context: ssl.SSLContext, authority: Authority) -> str:
    """The serial number of the certificate that a server with this context shows now."""

    async def ask() -> str:
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=authority.context(), server_hostname="localhost"
        )
        found = writer.get_extra_info("peercert")["serialNumber"]
        writer.close()
        server.close()
        return str(found)

    return asyncio.run(ask())


def test_new_files_are_served_without_a_restart(authority: Authority, files: tuple[Path, Path]) -> None:
    certificate = Certificate(*map(str, files))
    before = serial(certificate.context, authority)
    assert certificate.look() is False
    authority.issue("localhost", into="server")
    assert certificate.look() is True
    assert serial(certificate.context, authority) != before
    assert certificate.look() is False


def test_a_link_that_points_elsewhere_is_a_new_certificate(
    authority: Authority, files: tuple[Path, Path], tmp_path: Path
) -> None:
    links = [tmp_path / "live.crt", tmp_path / "live.key"]
    for link, file in zip(links, files, strict=True):
        link.symlink_to(file)
    certificate = Certificate(*map(str, links))
    for link, file in zip(links, authority.issue("localhost", into="renewed"), strict=True):
        link.unlink()
        link.symlink_to(file)
    assert certificate.look() is True


def test_half_of_a_new_pair_changes_nothing_until_the_other_half_is_there(
    authority: Authority, files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    certificate = Certificate(*map(str, files))
    before = serial(certificate.context, authority)
    new = authority.issue("localhost", into="new")
    shutil.copy(new[0], files[0])
    assert certificate.look() is False
    assert certificate.look() is False
    assert caplog.text.count("do not belong together") == 1
    assert serial(certificate.context, authority) == before
    shutil.copy(new[1], files[1])
    assert certificate.look() is True
    assert serial(certificate.context, authority) != before


@pytest.mark.parametrize(
    "broken", [b"", b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n", None]
)
def test_a_broken_or_missing_file_leaves_the_old_certificate(
    authority: Authority, files: tuple[Path, Path], broken: bytes | None
) -> None:
    certificate = Certificate(*map(str, files))
    before = serial(certificate.context, authority)
    files[0].unlink() if broken is None else files[0].write_bytes(broken)
    assert certificate.look() is False
    assert serial(certificate.context, authority) == before


def test_at_the_start_a_pair_that_cannot_be_used_is_a_sentence(
    authority: Authority, files: tuple[Path, Path], tmp_path: Path
) -> None:
    other, _ = authority.issue("other")
    for pair, word in (
        ((tmp_path / "none.crt", files[1]), "none.crt cannot be read"),
        ((other, files[1]), "do not belong together"),
        ((Path(os.devnull), files[1]), "PEM"),
    ):
        with pytest.raises(WrongUse, match=word) as caught:
            Certificate(*map(str, pair))
        assert "tls_certificate" in str(caught.value)


def test_one_file_without_the_other_is_refused_by_the_settings() -> None:
    with pytest.raises(ValueError, match="both or none"):
        Settings(http={"tls_certificate": "x"})  # type: ignore[arg-type]


def test_old_versions_of_tls_are_not_spoken(files: tuple[Path, Path]) -> None:
    assert Certificate(*map(str, files)).context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    "ends",
    [
        datetime(2027, 3, 1, 12, tzinfo=UTC),
        datetime(2049, 12, 31, tzinfo=UTC),
        datetime(2051, 1, 1, tzinfo=UTC),
    ],
)
def test_the_end_of_a_certificate_is_read_and_warned_of_before_it_comes(
    tmp_path: Path, ends: datetime
) -> None:
    made = trustme.CA().issue_cert("localhost", not_after=ends)
    files = (tmp_path / "x.crt", tmp_path / "x.key")
    files[0].write_bytes(b"# from the authority\n" + b"".join(each.bytes() for each in made.cert_chain_pems))
    files[1].write_bytes(made.private_key_pem.bytes())
    certificate = Certificate(*map(str, files))
    assert certificate.ends_at == ends.timestamp()
    assert certificate.warning(ends.timestamp() - 15 * 86400) == ""
    assert "ends on" in certificate.warning(ends.timestamp() - 13 * 86400)
    assert "ended on" in certificate.warning(ends.timestamp() + 1)


@given(st.binary(max_size=300))
def test_whatever_stands_in_a_file_its_end_is_a_time_or_unknown(data: bytes) -> None:
    assert ends_at(data) is None
    wrapped = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"
    assert ends_at(wrapped) is None or data
