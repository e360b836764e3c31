"""What all resources of the API use: schemas, fields, cursors and idempotency."""
