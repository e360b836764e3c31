"""Pages of records: estimates, decisions, referrals, reports and erasure."""
