"""End to end: the real command `homie-ota serve` as a process, a real broker, and devices that behave as recorded."""
