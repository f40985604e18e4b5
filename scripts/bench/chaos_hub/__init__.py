"""`adhere bench chaos-hub`: the district side killed, wiped, filled, starved; and its accounts."""
