"""The commands of `adhere`, one file each, imported only when called."""
