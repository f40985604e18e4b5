"""What `adhere gateway check` looks at. Nothing here changes anything on the box or the broker."""
