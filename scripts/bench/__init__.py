"""What the benchmarks measure: each a program of its own behind `adhere bench`."""
