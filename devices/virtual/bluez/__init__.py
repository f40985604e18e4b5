"""A virtual `org.bluez`: a radio without hardware that unmodified Bluetooth clients talk to."""

from devices.virtual.bluez.faults import PROMPT, Delays, Refusal
from devices.virtual.bluez.radio import VirtualBluez

__all__ = ["PROMPT", "Delays", "Refusal", "VirtualBluez"]
