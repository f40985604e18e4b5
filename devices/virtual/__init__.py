"""Virtual wearers and their bands, for the demo and for tests; never imported by a gateway."""
