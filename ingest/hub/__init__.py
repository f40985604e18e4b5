"""The district's end of the wire: verify, commit, and only then send the receipt."""
