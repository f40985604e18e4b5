"""The method's page: worked examples, computed by the core, and their pictures."""
