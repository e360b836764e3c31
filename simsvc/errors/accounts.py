"""Accounts, sessions and tokens."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class AccountError(SimsvcError):
    """The account operation is not possible."""

    code = "account_error"


class SignInRefused(AccountError):
    """Name and password do not match, or the account cannot sign in."""

    code = "sign_in_refused"
    template = N_(
        "The name or password is wrong. Check both and try again. After several failed attempts, you must "
        "wait up to an hour before trying again from the same place. If you cannot wait, ask an "
        "administrator for a new link."
    )


class PasswordRefused(AccountError):
    """The password is too easy to guess, or the two passwords do not match."""

    code = "password_refused"
    templates: ClassVar = {
        "short": N_(
            "The password has fewer than %(least)s characters. Choose a longer one; a few random words are "
            "easy to remember."
        ),
        "long": N_("The password has more than %(most)s characters. Choose a shorter one."),
        "common": N_(
            "This password is too easy to guess. Avoid your name, keyboard rows and common passwords."
        ),
        "differ": N_("The passwords do not match. Enter the new password twice."),
    }


class NameRefused(AccountError):
    """The account name is not valid."""

    code = "name_refused"
    templates: ClassVar = {
        "length": N_("Names must have 1 to %(most)s visible characters. Choose another name and try again."),
        "role": N_("Choose one of the roles in the list and try again."),
    }


class NameTaken(AccountError):
    """Another account has that name."""

    code = "name_taken"
    template = N_("Another account has this name. Choose another name.")


class LinkSpent(AccountError):
    """The one-time link is not valid, or was used, replaced or has expired."""

    code = "link_spent"
    template = N_(
        "This link has already been used, has been replaced or has expired. Ask an administrator for a new "
        "one. If you run the service, create one with `flask user reset NAME`."
    )


class LastAdmin(AccountError):
    """At least one administrator must be able to sign in."""

    code = "last_admin"
    template = N_(
        "This is the only administrator who can sign in. Add another administrator, have them set a "
        "password, and try again."
    )


class UserNotFound(AccountError):
    """The account does not exist."""

    code = "user_not_found"
    template = N_("This account does not exist. Check the list of accounts and try again.")


class ContactRefused(AccountError):
    """The team or the mail address of the account is not valid."""

    code = "contact_refused"
    templates: ClassVar = {
        "team": N_("Team names can have at most %(most)s visible characters. Shorten it and try again."),
        "mail": N_("This is not a mail address. Enter one such as name@example.com, or leave it empty."),
    }


class TokenRefused(AccountError):
    """The token is missing, expired or revoked."""

    code = "token_refused"
    templates: ClassVar = {
        "unknown": (
            "The token is not valid. Create one with `flask token create` or on the page API tokens."
        ),
        "ended": "The token is %(state)s. Ask an administrator for a new one.",
        "missing": ("The request has no token. Send it in the header `Authorization: Bearer ...`."),
    }


class TokenDraftRefused(AccountError):
    """The token cannot be created with these values."""

    code = "token_draft_refused"
    templates: ClassVar = {
        "name": N_(
            "Give the token a name of 1 to %(most)s characters that says what it is for, and try again."
        ),
        "scopes": N_("Choose at least one scope (estimate, audit or admin) and try again."),
        "days": N_("Tokens are valid for 1 to %(most)s whole days. Correct the number and try again."),
    }


class TokenNotFound(AccountError):
    """The token does not exist."""

    code = "token_not_found"
    template = N_("There is no token with this ID. Check the list of tokens and try again.")


class CodeRefused(AccountError):
    """The code of the second factor is wrong, was used before, or the client must wait."""

    code = "code_refused"
    templates: ClassVar = {
        "wrong": N_(
            "The code is wrong or has already been used. Wait for the next code in your app, or use a "
            "recovery code. After several wrong codes, you must wait up to an hour."
        ),
        "set_up": N_(
            "The code does not match. Check that the clock of your phone is right, and enter the code that "
            "the app shows now."
        ),
        "late": N_("Signing in took too long. Enter your name and password again."),
        "locked": N_(
            "Codes cannot be checked because the service's key has changed. Use a recovery code, or ask an "
            "administrator to reset your second factor."
        ),
        "stale": N_("This page was open for too long. Scan the new QR code and try again."),
    }


class SecondFactorNeeded(AccountError):
    """The second factor cannot be removed, or is not in use here."""

    code = "second_factor_needed"
    templates: ClassVar = {
        "off": N_("Second factors are switched off here. Ask the operator to set SIMSVC_SECOND_FACTOR."),
        "missing": N_("This account has no second factor. Set one up first."),
    }


class PasswordsOff(AccountError):
    """Passwords cannot be used to sign in here."""

    code = "passwords_off"
    template = N_("Passwords are switched off here. Sign in with your organisation account.")


class OidcRefused(AccountError):
    """Signing in with an organisation account did not work."""

    code = "oidc_refused"
    templates: ClassVar = {
        "off": N_("Sign-in with an organisation account is not set up here."),
        "late": N_(
            "Signing in took too long, or began in another browser. Sign in again with your organisation "
            "account."
        ),
        "declined": N_("Your organisation did not sign you in. Try again, or ask your administrator."),
        "token": N_(
            "The answer of your organisation's sign-in service could not be verified, so you are not signed "
            "in. Try again. If the problem persists, tell the operator."
        ),
        "unknown": N_(
            "Your organisation account is not linked to an account here. Ask an administrator for a one-time "
            "link, open it, and choose to sign in with your organisation account."
        ),
        "disabled": N_("Your account is disabled. Ask an administrator."),
        "role": N_(
            "Your organisation account is in none of the groups that may use this service. Ask an "
            "administrator."
        ),
        "taken": N_("This organisation account already belongs to another account. Sign in with it."),
        "name": N_(
            "An account with your name already exists. Ask an administrator for a one-time link to it, and "
            "choose to sign in with your organisation account there."
        ),
        "other": N_(
            "You confirmed with a different organisation account. Confirm with the one that you signed in "
            "with."
        ),
        "recent": N_(
            "Your organisation did not say when you last signed in. Confirm with your password, or ask the "
            "operator to have the claim auth_time sent."
        ),
    }


class OidcUnreachable(AccountError):
    """The OpenID provider does not answer as it should."""

    code = "oidc_unreachable"
    templates: ClassVar = {
        "silent": N_(
            "Your organisation's sign-in service does not answer. Try again later, or sign in with your "
            "password."
        ),
        "host": N_(
            "Your organisation's sign-in service refers to another host (%(host)s), which this service does "
            "not contact. Tell the operator."
        ),
        "library": N_(
            "Sign-in with an organisation account needs `pip install 'simsvc[oidc]'`. Ask the operator."
        ),
    }
