"""The list of devices: what it shows, how it is filtered and sorted, and what is done to many at once.

Rule: the list is read in one transaction and drawn row by row, each row a live part of its own; what people do to
devices goes through the functions that the API and the command line have, device by device.
"""

from homie_ota.web.inventory.acts import act, ask
from homie_ota.web.inventory.filters import change as filters
from homie_ota.web.inventory.page import PAGE, show

__all__ = ["PAGE", "act", "ask", "filters", "show"]
