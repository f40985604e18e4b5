"""Virtual bands that speak the frames of real makers, written apart from the decoders."""

from devices.virtual.bands.band import VirtualBand
from devices.virtual.bands.mi import mi_advert
from devices.virtual.bands.strap import heart_rate_strap

__all__ = ["VirtualBand", "heart_rate_strap", "mi_advert"]
