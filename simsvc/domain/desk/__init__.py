"""What people at the desk add: declared dates, decisions, tables of cases."""
