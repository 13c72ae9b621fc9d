"""The virtual fleet: devices of every generation that behave as the recorded firmware does, word for word.

Rule: the devices are sans-IO (time and bytes come in, values go out); only `shell` has sockets and a clock.
"""
