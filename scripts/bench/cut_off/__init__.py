"""Two hubs in network namespaces of their own, one of them cut off: `adhere bench cut-off`."""
