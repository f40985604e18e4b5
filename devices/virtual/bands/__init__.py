"""Virtual bands that speak the frames of real makers, written apart from the decoders."""

from devices.virtual.bands.band import VirtualBand
from devices.virtual.bands.colmi import colmi_ring
from devices.virtual.bands.fitpro import fitpro_band
from devices.virtual.bands.huami import huami_band
from devices.virtual.bands.jring import jring_ring
from devices.virtual.bands.mi import mi_advert
from devices.virtual.bands.moyoung import moyoung_band
from devices.virtual.bands.pinetime import pinetime_watch
from devices.virtual.bands.polar import polar_advert
from devices.virtual.bands.strap import heart_rate_strap
from devices.virtual.bands.veepoo import veepoo_band
from devices.virtual.bands.wearfit import wearfit_watch
from devices.virtual.bands.xoss import xoss_advert
from devices.virtual.bands.ycbt import ycbt_ring

__all__ = [
    "VirtualBand",
    "colmi_ring",
    "fitpro_band",
    "heart_rate_strap",
    "huami_band",
    "jring_ring",
    "mi_advert",
    "moyoung_band",
    "pinetime_watch",
    "polar_advert",
    "veepoo_band",
    "wearfit_watch",
    "xoss_advert",
    "ycbt_ring",
]
