"""Pages that stay true while they are looked at, and the stream of what changes for programs.

Rule: a live page is made of parts, elements with an id; the server draws each part once for everybody and sends those
that changed. A page says what it is made of (`LivePage`); nothing else of it knows that it is live.
"""

from homie_ota.web.live.channels import PAGES, Asked, LivePage
from homie_ota.web.live.hub import Hub
from homie_ota.web.live.notices import stream
from homie_ota.web.live.pages import live_page, watch

__all__ = ["PAGES", "Asked", "Hub", "LivePage", "live_page", "stream", "watch"]
