"""Entry points only: the `adhere` command, and check, test and demo for people and CI."""
