"""homie-ota: the OTA server for fleets of Homie devices.

Rule: nothing is imported or done here, so that `import homie_ota.<room>` costs that room only.
"""

__version__ = "0.1.0"
