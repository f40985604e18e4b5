"""`adhere bench live`: from a reading to the alert somebody can see, with and without a backlog."""
