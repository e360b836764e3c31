"""What several commands use: errors, progress and reports."""
