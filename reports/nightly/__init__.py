"""The night: recompute what changed, roll weeks up, write the workbook, once."""
