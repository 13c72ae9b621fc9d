"""Homie on the wire: what messages say, which topics to ask for, and how each generation is told to update.

Rule: reading is a union of all generations, commanding is a choice of one, made from evidence.
"""

from homie_ota.homie import push, url, v1, v2, v3, v5
from homie_ota.homie.evidence import generation, way
from homie_ota.homie.gaps import missing
from homie_ota.homie.reader import Reader
from homie_ota.homie.rows import facts_row, nodes_row
from homie_ota.homie.topics import reread, subscriptions, topics_of

__all__ = [
    "Reader",
    "facts_row",
    "generation",
    "missing",
    "nodes_row",
    "push",
    "reread",
    "subscriptions",
    "topics_of",
    "url",
    "v1",
    "v2",
    "v3",
    "v5",
    "way",
]
