"""Nightly workbooks: what was prescribed, what was done, numerator and denominator beside it."""
