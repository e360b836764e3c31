"""Input by underwriters: declared dates, decisions, tables of cases."""
