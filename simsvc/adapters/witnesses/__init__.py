"""Witnesses of the log: a file, HTTP, syslog, S3, and C2SP witnesses."""
