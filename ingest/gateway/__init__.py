"""The box in a centre: readings into a spool, out of it in signed batches, kept until receipted."""
