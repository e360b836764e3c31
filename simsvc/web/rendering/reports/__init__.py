"""Reports as pages and PDF."""
