"""The routes of the pages, by who may use them."""

from __future__ import annotations

from simsvc.values import ROLES

PERIODS = "&".join(
    f"{name}=2026-01-0{day}T00:00:00Z"
    for day, name in enumerate(("reference_since", "reference_before", "current_since", "current_before"), 1)
)


ID = "0" * 32
Route = tuple[str, str, str, set[str], int]
ALL, ASKING, KEEPING = set(ROLES), {"underwriter", "admin"}, {"admin"}
AUDITING = {"auditor", "admin"}
ROUTES: list[Route] = [
    ("pages.start", "GET", "/", ALL, 200),
    ("pages.create", "POST", "/estimates", ASKING, 415),
    ("pages.preview", "POST", "/crop", ASKING, 415),
    ("pages.show", "GET", f"/estimates/{ID}", ALL, 404),
    ("pages.compare", "GET", f"/estimates/{ID}/faces/1", ALL, 404),
    ("decisions.create", "POST", f"/estimates/{ID}/decisions", ASKING, 404),
    ("decisions.sheet", "GET", f"/estimates/{ID}/record.pdf", ALL, 404),
    ("cases.show", "GET", "/cases/none", ALL, 404),
    ("history.show", "GET", "/history", ALL, 200),
    ("history.export", "GET", "/history/export.csv", ALL, 200),
    ("pictures.crop", "GET", f"/estimates/{ID}/crop.png", ALL, 404),
    ("pictures.saliency", "GET", f"/estimates/{ID}/saliency.png", ALL, 404),
    ("pictures.plot", "GET", "/model/none.png", ALL, 404),
    ("pictures.face", "GET", "/faces/demo/b-000000000000/f.jpg", ALL, 404),
    ("gallery.show", "GET", "/gallery", ALL, 200),
    ("model.show", "GET", "/model", ALL, 200),
    ("account.show", "GET", "/account", ALL, 200),
    ("account.change", "POST", "/account", ALL, 422),
    ("batches.list_all", "GET", "/batches", ALL, 200),
    ("batches.create", "POST", "/batches", ASKING, 415),
    ("batches.show", "GET", f"/batches/{ID}", ALL, 404),
    ("batches.results", "GET", f"/batches/{ID}/results.csv", ALL, 404),
    ("indexes.show", "GET", "/indexes", ALL, 200),
    ("indexes.use", "POST", "/indexes/demo/b-000000000000/use", KEEPING, 404),
    ("erasing.estimate", "GET", f"/erase/estimates/{ID}", KEEPING, 404),
    ("erasing.erase_estimate", "POST", f"/erase/estimates/{ID}", KEEPING, 404),
    ("erasing.case", "GET", "/erase/cases/none", KEEPING, 404),
    ("erasing.erase_case", "POST", "/erase/cases/none", KEEPING, 404),
    ("users.show", "GET", "/users", KEEPING, 200),
    ("users.add", "POST", "/users", KEEPING, 422),
    ("users.disable", "POST", f"/users/{ID}/disable", KEEPING, 404),
    ("users.enable", "POST", f"/users/{ID}/enable", KEEPING, 404),
    ("users.invite", "POST", f"/users/{ID}/link", KEEPING, 404),
    ("users.set_contact", "POST", f"/users/{ID}/contact", KEEPING, 404),
    ("referrals.list_all", "GET", "/referrals", ALL, 200),
    ("referrals.act", "POST", f"/referrals/{ID}/take", ASKING, 404),
    ("notifications.show", "GET", "/notifications", KEEPING, 200),
    ("notifications.retry", "POST", "/notifications/retry", KEEPING, 303),
    ("tokens.show", "GET", "/tokens", KEEPING, 200),
    ("tokens.add", "POST", "/tokens", KEEPING, 422),
    ("tokens.revoke", "POST", f"/tokens/{ID}/revoke", KEEPING, 404),
    ("learning.glossary_page", "GET", "/glossary", ALL, 200),
    ("learning.samples", "GET", "/samples", ASKING, 200),
    ("learning.make_samples", "POST", "/samples", ASKING, 409),
    ("sign_in.leave", "POST", "/sign-out", ALL, 303),
    ("fairness.show", "GET", "/fairness", ALL, 200),
    ("audit.show", "GET", "/audit", AUDITING, 200),
    ("audit.verify", "POST", "/audit/verify", AUDITING, 303),
    ("audit.checkpoint", "GET", "/audit/checkpoint.json", AUDITING, 404),
    ("audit.export", "GET", "/audit/events.csv", AUDITING, 200),
    ("replays.show", "GET", f"/estimates/{ID}/replay", AUDITING, 404),
    ("replays.create", "POST", f"/estimates/{ID}/replay", AUDITING, 404),
]
"""Endpoint, method, address, who may, and what an empty request of theirs gets."""
OPEN: list[tuple[str, str, str, int, int]] = [
    ("static", "GET", "/static/simsvc.css", 200, 200),
    ("health.healthz", "GET", "/healthz", 200, 200),
    ("health.readyz", "GET", "/readyz", 200, 200),
    ("metrics.show", "GET", "/metrics", 401, 401),
    ("api_reference.show", "GET", "/api-reference", 200, 200),
    ("api_reference.objects", "GET", "/api-reference/objects", 200, 200),
    ("display.choose", "POST", "/display", 303, 303),
    ("opening.lead", "GET", "/estimates", 303, 303),
    ("sign_in.form", "GET", "/sign-in", 200, 303),
    ("sign_in.enter", "POST", "/sign-in", 403, 403),
    ("sign_in.welcome", "GET", "/welcome/none", 410, 410),
    ("sign_in.accept", "POST", "/welcome/none", 410, 410),
]
"""Endpoint, method, address, and what nobody and what somebody signed in gets."""
