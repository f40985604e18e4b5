"""Alerts: rules as data, their evaluation, their life until a person has closed them."""
