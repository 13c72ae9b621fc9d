"""Numbers → the text that Prometheus reads: the name, the help and the labels of every metric.

Rule: every metric is in one of the functions here, begins with `homie_ota_`, and has labels of a few values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from homie_ota import __version__
from homie_ota.store.gauges import Gauges
from homie_ota.web.shell import BrokerStatus
from homie_ota.web.words import clean

OTHER = "other"
LONGEST = 64


class _Told(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        return self._metrics


def text(
    accept: str,
    counted: Gauges,
    broker: BrokerStatus,
    requests: Mapping[tuple[str, str, int], int],
    viewers: Mapping[str, int],
) -> tuple[bytes, str]:
    """The body and its media type, for somebody who accepts this."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told([*_rows(counted), *_broker(broker), *_http(requests, viewers)]))
    ProcessCollector(registry=registry)
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


def _rows(counted: Gauges) -> Iterator[Metric]:
    yield _gauge("devices", "Devices by state.", ["state"], {(k,): n for k, n in counted.states.items()})
    yield _gauge(
        "devices_by_firmware",
        "Devices by the firmware that they announce: the most common ones, and the others together.",
        ["firmware", "version"],
        _named(counted),
    )
    yield _gauge(
        "deployments",
        "Deployments that are kept, by state, outcome and reason.",
        ["state", "outcome", "reason"],
        counted.deployments,
    )
    yield _gauge("rollouts", "Rollouts by state.", ["state"], {(k,): n for k, n in counted.rollouts.items()})
    yield _gauge(
        "quarantined",
        "Images that a device does not get until a person releases it.",
        [],
        counted.quarantined,
    )
    yield _gauge(
        "leftovers",
        "Retained images and offers on the broker that should not be there.",
        [],
        counted.leftovers,
    )
    yield _gauge(
        "troubles",
        "What is wrong with the server itself now, by the word of its notification.",
        ["code"],
        {(k,): n for k, n in counted.troubles.items()},
    )
    yield _gauge(
        "recipients",
        "Who else is told what happens, by kind and how it goes.",
        ["kind", "state"],
        counted.recipients,
    )


def _named(counted: Gauges) -> dict[tuple[str, str], int]:
    """Cleaned names may be the same, and are counted together then."""
    found: dict[tuple[str, str], int] = {}
    for (name, version), count in counted.firmware.items():
        key = clean(name, LONGEST), clean(version, LONGEST)
        found[key] = found.get(key, 0) + count
    if counted.others:
        found[OTHER, OTHER] = found.get((OTHER, OTHER), 0) + counted.others
    return found


def _broker(broker: BrokerStatus) -> Iterator[Metric]:
    yield _gauge("info", "The version of the server.", ["version"], {(__version__,): 1})
    yield _gauge(
        "broker_connected", "1 while there is a connection to the broker.", [], int(broker.connected)
    )
    yield _counter("ingest_messages", "Messages heard from the broker since the start.", [], broker.heard)
    yield _gauge(
        "ingest_lag_seconds", "Seconds from a message to its rows, of the last batch.", [], broker.lag
    )
    yield _gauge(
        "ingest_waiting_devices", "Devices of which something is not in rows yet.", [], broker.waiting
    )
    yield _counter(
        "broker_dropped_messages",
        "Messages that the broker says it dropped, by its own count.",
        [],
        broker.dropped,
    )
    refused = {(what,): count for what, count in broker.refused.items()}
    yield _counter("refused", "What the limits on devices, topics and text cut off.", ["what"], refused)


def _http(requests: Mapping[tuple[str, str, int], int], viewers: Mapping[str, int]) -> Iterator[Metric]:
    told = {(method, route, str(status)): count for (method, route, status), count in requests.items()}
    labels = ["method", "route", "status"]
    yield _counter("http_requests", "Answered HTTP requests, by the pattern of their route.", labels, told)
    looking = {(kind,): count for kind, count in viewers.items()}
    yield _gauge(
        "live_viewers", "Who follows what changes: open pages, and programs at /events.", ["kind"], looking
    )


def _gauge(name: str, said: str, labels: list[str], values: Any) -> Metric:
    return _filled(GaugeMetricFamily(f"homie_ota_{name}", said, labels=labels), values)


def _counter(name: str, said: str, labels: list[str], values: Any) -> Metric:
    return _filled(CounterMetricFamily(f"homie_ota_{name}", said, labels=labels), values)


def _filled(metric: Any, values: Mapping[tuple[str, ...], float] | float) -> Metric:
    for labels, value in values.items() if isinstance(values, Mapping) else [((), values)]:
        metric.add_metric(list(labels), value)
    found: Metric = metric
    return found
