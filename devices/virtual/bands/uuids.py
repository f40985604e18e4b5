"""Assigned numbers of the Bluetooth SIG as the 128-bit names they have on the bus."""


def assigned(number: int) -> str:
    """Return the full UUID of a 16-bit assigned number."""
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


HEART_RATE_SERVICE, HEART_RATE_MEASUREMENT = assigned(0x180D), assigned(0x2A37)
BATTERY_SERVICE, BATTERY_LEVEL = assigned(0x180F), assigned(0x2A19)
INFORMATION_SERVICE = assigned(0x180A)
MAKER, MODEL, FIRMWARE = assigned(0x2A29), assigned(0x2A24), assigned(0x2A26)
ALERT_SERVICE, ALERT_LEVEL = assigned(0x1802), assigned(0x2A06)
CURRENT_TIME_SERVICE, CURRENT_TIME = assigned(0x1805), assigned(0x2A2B)
HUAMI_SERVICE = assigned(0xFEE0)
