"""Accounts, sessions and tokens."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class AccountError(SimsvcError):
    """An account cannot be used as asked."""

    code = "account_error"


class SignInRefused(AccountError):
    """Name and password do not open an account, for whatever reason."""

    code = "sign_in_refused"
    template = N_(
        "This name and password do not match an account. Check both and try again. After several failed "
        "attempts you have to wait, for up to an hour, before you can try again from the same place; if you "
        "cannot wait, ask an administrator for a new link."
    )


class PasswordRefused(AccountError):
    """The password is too easy to guess, or was not typed twice alike."""

    code = "password_refused"
    templates: ClassVar = {
        "short": N_(
            "The password has fewer than %(least)s characters. Choose a longer one; several words in a row "
            "are easy to remember."
        ),
        "long": N_("The password has more than %(most)s characters. Choose a shorter one."),
        "common": N_(
            "This password is among the first that would be guessed. Choose one without your name, rows of "
            "keys or well-known passwords."
        ),
        "differ": N_("The two passwords differ. Type the new password twice."),
    }


class NameRefused(AccountError):
    """No account can have that name."""

    code = "name_refused"
    templates: ClassVar = {
        "length": N_(
            "A name has 1 to %(most)s characters that can be seen. Choose such a name and try again."
        ),
        "role": N_("Choose one of the roles in the list and try again."),
    }


class NameTaken(AccountError):
    """Another account has that name."""

    code = "name_taken"
    template = N_("Another account has this name. Choose another name.")


class LinkSpent(AccountError):
    """The one-time link was used, replaced or has expired, or never was one."""

    code = "link_spent"
    template = N_(
        "This link was used already, was replaced, or has expired. Ask an administrator for a new one; "
        "whoever runs the service gets one with `flask user reset NAME`."
    )


class LastAdmin(AccountError):
    """Nobody could keep the accounts any more."""

    code = "last_admin"
    template = N_(
        "This is the only administrator who can sign in. Add another one, let that one set a password, and "
        "try again."
    )


class UserNotFound(AccountError):
    """No account has that name or id."""

    code = "user_not_found"
    template = N_("There is no such account. Look at the list of accounts and try again.")


class TokenRefused(AccountError):
    """What a program sent is no token in force."""

    code = "token_refused"
    templates: ClassVar = {
        "unknown": (
            "The token is not known here. Send one that `flask token create` or the page API tokens made."
        ),
        "ended": "The token is %(state)s. Ask an administrator for a new one.",
        "missing": (
            "No token came with the request. Send it in the header Authorization, after the word Bearer."
        ),
    }


class TokenDraftRefused(AccountError):
    """No token can be made so."""

    code = "token_draft_refused"
    templates: ClassVar = {
        "name": N_(
            "A token needs a name of 1 to %(most)s characters that says what it is for. Correct it and try "
            "again."
        ),
        "scopes": N_("Choose at least one of the scopes estimate, audit and admin, and try again."),
        "days": N_("A token counts for a whole number of days from 1 to %(most)s. Correct it and try again."),
    }


class TokenNotFound(AccountError):
    """No token has that id."""

    code = "token_not_found"
    template = N_("There is no token of this id. Look at the list of tokens and try again.")
