"""Readings of closed days in files: export, verify, drop, and reading them back."""
