"""People, seen in a browser: somebody is added, comes in, loses a role, and is out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from pages.conftest import MakeSite
from pages.site import Site

Visit = Callable[..., Awaitable[Page]]


async def log_in(page: Page, site: Site, name: str, password: str, to: str = "/account") -> None:
    await page.goto(site.url + to)
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("scripts", [True, False])
async def test_somebody_is_added_comes_in_and_is_out_when_the_role_shrinks(
    make_site: MakeSite, visit: Visit, scripts: bool
) -> None:
    site = await make_site(admin=True)
    admin, bob = await visit(java_script_enabled=scripts), await visit(java_script_enabled=scripts)
    await log_in(admin, site, *site.world.login, to="/people")
    await admin.get_by_label("Name", exact=True).fill("bob")
    await admin.locator("form select[name=role]").select_option("operator")
    await admin.get_by_role("button", name="Add").click()
    password = await admin.locator("code.secret").inner_text()

    await log_in(bob, site, "bob", password)
    await expect(bob.get_by_role("heading", name="bob")).to_be_visible()
    await expect(bob.get_by_role("link", name="people")).to_have_count(0)

    await admin.goto(site.url + "/people")
    await admin.get_by_label("Role of bob").select_option("viewer")
    await admin.get_by_role("row", name="bob").get_by_role("button", name="set").click()
    await expect(admin.get_by_label("Role of bob")).to_have_value("viewer")
    await bob.reload()
    await expect(bob.get_by_role("heading", name="Log in")).to_be_visible()


async def test_a_token_is_shown_once_and_the_other_browser_is_logged_out(
    make_site: MakeSite, visit: Visit
) -> None:
    site = await make_site(admin=True)
    here, there = await visit(), await visit()
    for page in (here, there):
        await log_in(page, site, *site.world.login)
    await here.get_by_label("Name").fill("ci")
    await here.get_by_label("upload").check()
    await here.get_by_label("or until the end of").fill("2999-01-01")
    await here.get_by_role("button", name="Make it").click()
    await expect(here.locator("code.secret")).to_contain_text("hota_")
    await expect(here.get_by_role("row", name="ci")).to_contain_text("read,upload")
    await here.goto(site.url + "/account")
    await expect(here.locator("code.secret")).to_have_count(0)
    await here.get_by_role("button", name="Log out everywhere else").click()
    await there.reload()
    await expect(there.get_by_role("heading", name="Log in")).to_be_visible()
    await expect(here.get_by_role("heading", name="admin")).to_be_visible()
