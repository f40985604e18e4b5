"""Kills, full disks, flipped bytes and jumping clocks, watched by an independent observer."""
