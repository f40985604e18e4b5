"""Bands heard by scanners that others make, and by phones, over MQTT."""
