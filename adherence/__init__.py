"""The pure core: LazyFrame to LazyFrame, no I/O, no clock. METHOD conventions `c1`."""
