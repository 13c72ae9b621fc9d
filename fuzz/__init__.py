"""The fuzzer: what it is let loose on is in inspection.py, how it is started in __main__.py."""
