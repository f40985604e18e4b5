"""Virtual bands that speak the frames of real makers, written apart from the decoders."""

from devices.virtual.bands.band import VirtualBand
from devices.virtual.bands.colmi import colmi_ring
from devices.virtual.bands.fitpro import fitpro_band
from devices.virtual.bands.jring import jring_ring
from devices.virtual.bands.mi import mi_advert
from devices.virtual.bands.polar import polar_advert
from devices.virtual.bands.strap import heart_rate_strap
from devices.virtual.bands.veepoo import veepoo_band
from devices.virtual.bands.ycbt import ycbt_ring

__all__ = [
    "VirtualBand",
    "colmi_ring",
    "fitpro_band",
    "heart_rate_strap",
    "jring_ring",
    "mi_advert",
    "polar_advert",
    "veepoo_band",
    "ycbt_ring",
]
