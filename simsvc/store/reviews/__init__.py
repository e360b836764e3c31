"""The database of reviews: decisions, referrals and notifications."""
