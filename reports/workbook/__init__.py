"""The nightly workbook: what an insurer reads, one file per night and revision."""
