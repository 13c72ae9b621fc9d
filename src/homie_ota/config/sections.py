"""The sections of the settings: every key there is, what it means, and its default.

Rule: a section is a frozen value; a key that is not here does not exist.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from homie_ota.config.values import (
    BasePath,
    BaseTopics,
    Bytes,
    Networks,
    Seconds,
    SecondsOrNone,
    ServiceName,
    Texts,
    WebAddress,
)
from homie_ota.esp.signature import read_key

Port = Annotated[int, Field(ge=0, le=65535)]
"""A port to listen on; 0 lets the system choose one."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class HttpSettings(_Section):
    """Where the server listens, and how others see it.

    `public_url` is what devices are told (found out when empty), `base_path` the prefix of all pages behind a proxy;
    `allowed_hosts` are host names in requests beside our own addresses. `tls_certificate` and `tls_key` are PEM files,
    both or none. `device_port` is a second port, plain HTTP, where only devices get answers (0: none), for few of them
    speak TLS. `requests_per_second` is what one address, and the tokens of one account, may ask for in the long run
    (0: no limit); devices that ask for an image do not count. What proxies say in headers (`X-Forwarded-…`,
    `X-Ingress-Path`) counts only from `trusted_proxies`. `mdns`: the pages are announced on the local network;
    `mdns_ota`: so is, by this name, where devices of Homie 1.5 fetch images (empty: it is not).
    """

    host: str = "0.0.0.0"
    port: Port = 9080
    public_url: WebAddress = ""
    base_path: BasePath = ""
    allowed_hosts: Texts = ()
    tls_certificate: str = ""
    tls_key: str = ""
    device_port: Port = 0
    requests_per_second: Annotated[float, Field(ge=0)] = 100.0
    trusted_proxies: Networks = ("127.0.0.1", "::1")
    metrics_open: bool = False
    mdns: bool = True
    mdns_ota: ServiceName = "homie-ota"

    @model_validator(mode="after")
    def _both_or_none(self) -> HttpSettings:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key, both or none of them")
        if self.device_port and self.device_port == self.port:
            raise ValueError("a device_port that is not the port of the pages")
        return self

    @property
    def tls(self) -> bool:
        """Whether the pages are served encrypted."""
        return bool(self.tls_certificate)


class MqttSettings(_Section):
    """The broker: `mqtt://host:1883` or `mqtts://…`; an empty `url` means that none is configured.

    A user and password inside the URL are taken out of it, so that `url` can be shown. `ca_file` is who vouches for the
    broker where the system does not know it; `certificate_file` and `key_file` are who we are to it (PEM).
    """

    url: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    base_topics: BaseTopics = ("homie/", "devices/")
    client_id: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="before")
    @classmethod
    def _take_the_password_out(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("url"), str) or "@" not in given["url"]:
            return given
        who, _, where = given["url"].rpartition("@")
        scheme, _, who = who.rpartition("://")
        user, colon, password = who.partition(":")
        secret = {"password": unquote(password)} if colon else {}
        return {**given, "url": f"{scheme or 'mqtt'}://{where}", "username": unquote(user), **secret}

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if not url:
            return url
        full = url if "://" in url else f"mqtt://{url}"
        try:
            parts = urlsplit(full)
            usable = parts.scheme in ("mqtt", "mqtts") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("an address like mqtt://host:1883 or mqtts://host")
        return full

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.url.startswith("mqtts://")

    @property
    def host(self) -> str:
        """The broker's host; empty when none is configured."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port: as given, else 1883, or 8883 with TLS."""
        return urlsplit(self.url).port or (8883 if self.tls else 1883)


class StorageSettings(_Section):
    """Where things are kept; firmware and database are below `data_dir` unless said otherwise.

    `database` is a path (SQLite) or `postgresql://user:password@host/name`. The `keep_*` are how long history is kept,
    in days, and how many of each device's newest deployments; 0: all. What a decision needs stays (`store/pruning.py`).
    """

    data_dir: Path = Path("data")
    firmware_dir: Path = Path("data/firmwares")
    database: Annotated[str, Field(repr=False)] = "data/homie-ota.sqlite3"
    keep_events_days: Annotated[int, Field(ge=0, le=36_500)] = 90
    keep_transcripts_days: Annotated[int, Field(ge=0, le=36_500)] = 30
    keep_deployments: Annotated[int, Field(ge=0, le=100_000)] = 20
    keep_series_days: Annotated[int, Field(ge=0, le=36_500)] = 35

    @field_validator("database")
    @classmethod
    def _is_a_path_or_postgresql(cls, given: str) -> str:
        # Anything else with :// would become a path, a folder with a password in its name included.
        if "://" in given and not _is_postgresql(given):
            raise ValueError("a path, or an address like postgresql://user:password@host/name")
        return given

    @model_validator(mode="before")
    @classmethod
    def _below_data_dir(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("data_dir"), str | Path):
            return given
        data_dir = Path(given["data_dir"])
        return {
            "firmware_dir": data_dir / "firmwares",
            "database": str(data_dir / "homie-ota.sqlite3"),
            **given,
        }


def _is_postgresql(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme == "postgresql" and parts.port != 0
    except ValueError:
        return False


class OtaSettings(_Section):
    """The endpoint at which devices fetch images, and what may be uploaded.

    Devices may ask from `http_networks` (empty: from anywhere).
    `open_mode` gives any stored image to any device that names it, as the old server did; `url_lifetime` is how long
    a one-device address is good. Both timeouts end a transfer that takes longer, in seconds. `keep_newest` is how many
    versions of each name are kept beside what devices need (0: all); `secrets` are words that no image should hold,
    such as a Wi-Fi password: an image with one is warned of. With `trusted_keys` (public keys of minisign) only images
    are uploaded that one of them signed.
    """

    path: BasePath = "/ota"
    max_upload: Bytes = 16 << 20
    open_mode: bool = False
    http_networks: Networks = ()
    url_lifetime: Seconds = 3600.0
    upload_timeout: Seconds = 300.0
    transfer_timeout: Seconds = 600.0
    keep_newest: Annotated[int, Field(ge=0, le=100_000)] = 0
    secrets: Annotated[Texts, Field(repr=False)] = ()
    trusted_keys: Texts = ()

    @field_validator("trusted_keys")
    @classmethod
    def _are_keys(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := next((each for each in given if read_key(each) is None), None):
            raise ValueError(
                f"public keys of minisign, such as the second line of minisign.pub; {wrong[:60]!r} is none"
            )
        return given


class RolloutSettings(_Section):
    """How many devices are updated at once, how long they are looked at afterwards, and the deadlines.

    `offered` … `verifying`: seconds without news in each state; for transfers and reboots only until more is known of a
    device, then between floor and ceiling. `soak` and the keys after it: when a device that came back counts as healthy
    (`rollout/soak.py`); `heap_margin` is a share, `signal_margin` points of its percent (`health.py`).
    `attempts` to `longest_backoff`: what is tried again by itself (`rollout/attempts.py`); `alarm_*`: when somebody
    should look; `lease`: after how long another server on the same database takes over from one that is silent.
    """

    parallel: Annotated[int, Field(ge=1, le=1000)] = 3
    bytes_in_flight: Annotated[int, Field(ge=0)] = 0
    starts_per_minute: Annotated[float, Field(ge=0)] = 0.0
    attempts: Annotated[int, Field(ge=1, le=100)] = 3
    backoff: SecondsOrNone = 60.0
    longest_backoff: SecondsOrNone = 3600.0
    offered: Seconds = 90.0
    transferring: Seconds = 120.0
    rebooting: Seconds = 240.0
    verifying: Seconds = 180.0
    deadline_floor: Seconds = 60.0
    deadline_ceiling: Seconds = 900.0
    soak: SecondsOrNone = 120.0
    soak_intervals: Annotated[int, Field(ge=0, le=100)] = 3
    soak_wakes: Annotated[int, Field(ge=0, le=100)] = 3
    heap_margin: Annotated[float, Field(gt=0, le=1)] = 0.2
    signal_margin: Annotated[float, Field(gt=0, le=100)] = 20.0
    alarm_behind: Seconds = 7 * 86400.0
    alarm_offers: Annotated[int, Field(ge=1, le=100)] = 3
    lease: Annotated[Seconds, Field(ge=2)] = 15.0


class AuthSettings(_Section):
    """Who may come in. `user` and `password` are those of the old server's INI, good for Basic authentication.

    `open_to_private`: without any account, loopback and private addresses need no login (an old INI without HTTP_USER).
    """

    mode: Literal["password", "none"] = "password"
    session_hours: Annotated[float, Field(gt=0)] = 24.0
    user: str = ""
    password: SecretStr = SecretStr("")
    open_to_private: bool = False


class LogSettings(_Section):
    """The log: to `file`, or to standard error when it is empty."""

    file: str = ""
    level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("level", mode="before")
    @classmethod
    def _any_case(cls, level: Any) -> Any:
        return level.lower() if isinstance(level, str) else level
