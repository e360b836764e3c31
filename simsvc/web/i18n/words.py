"""Words of the code that templates translate one by one, listed for the catalogues."""

from __future__ import annotations

from simsvc.messages import N_

ROLE_WORDS = (N_("underwriter"), N_("auditor"), N_("admin"))
FLAG_WORDS = (
    N_("other faces behind"),
    N_("unlike the gallery"),
    N_("turned upright"),
    N_("cut off"),
    N_("unclear face"),
    N_("photo in gallery"),
    N_("few reference faces"),
    N_("neighbours disagree"),
    N_("doubtful"),
    N_("outside the prior"),
    N_("blurred"),
    N_("too dark"),
    N_("too bright"),
    N_("turned aside"),
    N_("tilted"),
)
STEP_WORDS = (
    N_("decode"),
    N_("detect"),
    N_("pick"),
    N_("crop"),
    N_("quality"),
    N_("predict"),
    N_("search"),
    N_("rank"),
    N_("explain"),
    N_("total"),
)
