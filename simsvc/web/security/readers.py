"""Who reads records in the request at hand, and who acts on referrals."""

from __future__ import annotations

from simsvc.values import User
from simsvc.values.access.tokens import Token
from simsvc.values.referrals import Party, Reader


def reader_of_person(user: User, case_access: str) -> Reader:
    """Return the reader for an account: auditors and administrators see all, as does everyone if so set."""
    return Reader(user.id, user.team, user.role != "underwriter" or case_access == "all")


def reader_of_token(token: Token) -> Reader:
    """Return the reader for a token: one that only estimates sees the records that it made."""
    return Reader(token.actor, sees_all=bool({"audit", "admin"} & set(token.scopes)))


def party_of_person(user: User) -> Party:
    """Return the account as one that acts on referrals."""
    return Party(user.id, user.team, user.role == "admin")


def party_of_token(token: Token) -> Party:
    """Return the token as one that acts on referrals; referrals go to people, so it has none of its own."""
    return Party(token.actor, is_admin="admin" in token.scopes)
