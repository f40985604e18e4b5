"""Payable lines: a scheme over the weeks of a month, one line per patient and item."""
