"""Use cases of the service, one module per verb."""
