"""Home Assistant: each device that can be updated as an `update` entity, by MQTT discovery.

Rule: what stands on the broker is what is so, or becomes it soon: everything is retained, sent when it changes, and
taken away when it holds no more, also what an earlier run of this server left there.
"""

from __future__ import annotations
