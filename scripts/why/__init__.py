"""A week told from its figures down to its minutes: for `adhere why`."""
