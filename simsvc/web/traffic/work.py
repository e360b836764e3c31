"""What a request to each endpoint is, as work: one table, from which turns and rates follow."""

from __future__ import annotations

from typing import Literal

Work = Literal["judging", "walking", "taking_in", "hashing", "light"]
"""judging: decodes photos or runs the model. walking: goes through any number of records, or draws a PDF.
taking_in: unpacks a batch. hashing: hashes a password, with 64 MiB each. light: all others."""

ENDPOINTS: dict[Work, str] = {
    "judging": """
        api_estimates.create api_estimates.create_batch api_faces.add api_replays.create learning.make_samples
        pages.create pages.preview pictures.saliency replays.create
        """,
    "taking_in": """
        batches.create imports.create
        """,
    "hashing": """
        account.change sign_in.accept sign_in.enter
        """,
    "walking": """
        api_audit.verification api_cases.evidence api_cases.show api_erasures.case api_exports.estimates
        api_exports.events api_fairness.show api_monitoring.drift audit.export audit.verify batches.results
        cases.faces cases.show decisions.sheet erasing.case erasing.erase_case evidence.case fairness.show
        gallery.relabel gallery.remove history.export reports.case
        """,
    "light": """
        account.end_others account.end_session account.show api_audit.events api_decisions.create
        api_decisions.list_all api_document.show api_erasures.estimate api_erasures.face api_estimates.crop
        api_estimates.list_all api_estimates.neighbours api_estimates.show api_faces.relabel api_faces.remove
        api_indexes.list_all api_indexes.show api_log.checkpoint api_log.consistency api_log.inclusion
        api_log.keys api_log.tile api_models.list_all api_models.show api_reads.case api_reads.record
        api_reference.objects api_reference.show api_referrals.answer api_referrals.comment
        api_referrals.create api_referrals.give_back api_referrals.list_all api_referrals.show
        audit.checkpoint audit.show batches.decide batches.list_all batches.show batches.template
        confirming.resume decisions.create display.choose erasing.erase_estimate erasing.estimate gallery.face
        gallery.show health.healthz health.readyz history.delete_view history.save_view history.show home.show
        imports.add imports.add_live imports.begin imports.build imports.check imports.delete imports.list_all
        imports.picture imports.revise imports.show indexes.compare indexes.show indexes.use
        learning.glossary_page learning.samples metrics.show model.show notifications.retry notifications.show
        oidc.begin oidc.finish opening.lead pages.compare pages.show pages.start pictures.crop pictures.face
        pictures.plot pictures.thumbnail referrals.act referrals.list_all replays.show reports.verify
        search.show second_factor.remove second_factor.renew second_factor.set_up second_factor.show
        settings.show sign_in.ask_code sign_in.enter_code sign_in.form sign_in.leave sign_in.welcome static
        tokens.add tokens.revoke tokens.show users.add users.change_role users.disable users.enable
        users.end_session users.end_sessions users.invite users.manage users.reset_second_factor
        users.set_contact users.show who_looked.case who_looked.record
        """,
}
"""The endpoints of each kind of work.

Source: `python -m tests.bench.routes`, which measures the processor time and the memory of each."""
WORK: dict[str, Work] = {name: work for work, names in ENDPOINTS.items() for name in names.split()}
HEAT_MAP_PHOTOS = 25
"""How many photos a heat map counts for. Source: `flows.saliency.saliency_png` with the shipped model takes
462 ms of processor time, a photo of 640 px 18 ms (`make bench`)."""

WALK_REQUESTS = 25
"""How many requests a walk through the records counts for. Source: docs/reference/routes.md: walks take some
100 to 1,700 ms with 2,000 records, light requests some 5 ms; 25 leaves two walks a second by the default
rate."""


def of_work(*works: Work) -> tuple[str, ...]:
    """Return the endpoints whose requests are such work."""
    return tuple(endpoint for endpoint, work in WORK.items() if work in works)
