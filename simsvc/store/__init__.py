"""What is remembered: SQLAlchemy tables, their migrations, and the few queries the service needs."""
