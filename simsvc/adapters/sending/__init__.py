"""What is sent to other services: mail, webhooks, syslog."""
