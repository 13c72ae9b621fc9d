"""The page of a device and the pages of its deployments: what they show, what can be done there.

Rule: a page is read in one transaction into a dict of values; its template is made of live parts. What people do is in
`acts`, and the API calls the same functions.
"""

from homie_ota.web.device import deployment, forms, page

__all__ = ["deployment", "forms", "page"]
