"""What is remembered: SQLAlchemy tables, their migrations, and the few queries the service needs.

Whatever opens a transaction raises StoreError where the database cannot be used.
"""
