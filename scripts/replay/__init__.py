"""Recordings through the whole chain: gateways, broker, hub, database, core, workbook."""
