"""Bands on the air: what the box's Bluetooth adapters hear of the bands in its roster."""
