"""The commands of a box in a centre: what `adhere gateway` is made of."""
