"""Every page of the site with addresses to look at it, and what answers `GET` without being a page.

Rule: a route is in exactly one of the two; a test compares them with the routes of the application. Addresses are
those of the home in `home.py`.
"""

from __future__ import annotations

PAGES: dict[str, tuple[str, ...]] = {
    "/": ("/", "/?q=state:ready&sort=-signal", "/?q=fw:nothing", "/?q=colour:red"),
    "/act": ("/act?device=homie~stairs-lamp&device=homie~hall-lamp&firmware=lamp@2.0.1",),
    "/device/{id:path}": (
        "/device/hall-lamp",
        "/device/porch-lamp",
        "/device/desk-lamp",
        "/device/shelly-boiler",
    ),
    "/firmware": ("/firmware",),
    "/firmware/compare": ("/firmware/compare?a=lamp@2.0.0&b=lamp@2.0.1",),
    "/firmware/prune": ("/firmware/prune?keep=1",),
    "/firmware/{file}": ("/firmware/lamp-2.0.1.bin",),
    "/firmware/{file}/fleet": ("/firmware/lamp-2.0.1.bin/fleet",),
    "/update": ("/update?device=hall-lamp&firmware=lamp@2.1.0",),
    "/update-all": ("/update-all?q=fw:lamp&firmware=lamp@2.0.1",),
    "/rollouts": ("/rollouts",),
    "/rollouts/new": ("/rollouts/new?query=fw:lamp&firmware=lamp@2.0.1",),
    "/rollouts/{id}": ("/rollouts/1", "/rollouts/2", "/rollouts/3"),
    "/rollouts/{id}/story": ("/rollouts/1/story", "/rollouts/3/story"),
    "/removed": ("/removed",),
    "/knocking": ("/knocking",),
    "/deployments": ("/deployments",),
    "/deployment/{id}": ("/deployment/1", "/deployment/7", "/deployment/9", "/deployment/11"),
    "/log": ("/log", "/log?kind=deployment", "/log?since=nonsense"),
    "/log/audit": ("/log/audit", "/log/audit?check=1"),
    "/health": ("/health",),
    "/first-steps": ("/first-steps",),
    "/login": ("/login",),
    "/api/v1": ("/api/v1/docs",),
}
PERSONAL: dict[str, tuple[str, ...]] = {"/account": ("/account",), "/people": ("/people",)}
"""The same for pages that only somebody who logged in has."""
NOT_PAGES = frozenset(
    {
        "/ota",
        "/ota/i/{token}",
        "/firmware/{file}/image",
        "/deployment/{id}/transcript.txt",
        "/events",
        "/live/{name}/{key:path}",
        "/blurb",
        "/healthz",
        "/metrics",
        "/static/{path:path}",
    }
)
FAILING = frozenset({"/?q=colour:red", "/log?since=nonsense"})
"""Addresses that answer with a page, but with a status that says that they were asked something wrong."""
