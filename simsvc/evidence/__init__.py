"""Files that travel inside evidence: `verify.py`, which needs no simsvc, and README.txt."""
