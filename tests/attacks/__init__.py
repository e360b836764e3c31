"""The attackers' table: what the owner of the database can do past the service, and what names it."""
