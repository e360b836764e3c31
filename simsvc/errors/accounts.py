"""Accounts, sessions and tokens."""

from __future__ import annotations

from simsvc.errors.base import SimsvcError


class AccountError(SimsvcError):
    """An account cannot be used as asked."""

    code = "account_error"


class SignInRefused(AccountError):
    """Name and password do not open an account, for whatever reason."""

    code = "sign_in_refused"


class PasswordRefused(AccountError):
    """The password is too easy to guess, or was not typed twice alike."""

    code = "password_refused"


class NameRefused(AccountError):
    """No account can have that name."""

    code = "name_refused"


class NameTaken(AccountError):
    """Another account has that name."""

    code = "name_taken"


class LinkSpent(AccountError):
    """The one-time link was used, replaced or has expired, or never was one."""

    code = "link_spent"


class LastAdmin(AccountError):
    """Nobody could keep the accounts any more."""

    code = "last_admin"


class UserNotFound(AccountError):
    """No account has that name or id."""

    code = "user_not_found"


class TokenRefused(AccountError):
    """What a program sent is no token in force."""

    code = "token_refused"


class TokenDraftRefused(AccountError):
    """No token can be made so."""

    code = "token_draft_refused"


class TokenNotFound(AccountError):
    """No token has that id."""

    code = "token_not_found"
