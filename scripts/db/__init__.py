"""Subcommands of `adhere db`, one file each."""
