"""Backups of the database: taken, kept, verified, restored, and tried out.

A backup is a folder: `dump/` as pg_dump's directory format writes it, `manifest.json` with what
was in the database at that moment, and `SHA256SUMS` over every file, as `sha256sum -c` reads it.
"""
