"""The attacks: SQL with the triggers dropped, and changes of files.

Two attackers make them. The owner of the database can write every row, and the folders of index and model.
The owner of all can write the folder of the key as well, and sign. Neither can write what witnesses keep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.attacks.changes import (
    AGE,
    and_sign,
    change_mapped_file,
    cut_last_estimate,
    cut_tail,
    delete_event,
    edit_event,
    insert_event,
    reorder_events,
    restore_backup,
    rewrite_all,
    roll_back,
    roll_back_with_keys,
    sql,
    swap_index,
    swap_model,
)
from tests.attacks.installation import TOKEN, Copy


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack.

    Attributes:
        name: what is done, for the table.
        change: does it.
        verify: words of what `flask audit verify` says of it.
        witness: words of what the witness shows, without the file beside the key; "" if nothing.
        later: words of what the examiner is told who has evidence from before and asks for it again.
    """

    name: str
    change: Callable[[Copy], None]
    verify: str
    witness: str
    later: str


WIDENED = '["estimate", "admin"]'
CUT, REWRITTEN = "events were cut off its end", "the log was rewritten"
NOT_THE_ONE, NOT_LOGGED = "is not the one that the tree was made with", "are not what was logged"
ITS_END = "its end was cut, or it was set back"
SIGNED = "the same, signed with the log's key"
ATTACKS = (
    Attack("edit an event", edit_event, "does not say what it said", REWRITTEN, "is not in the log"),
    Attack("delete an event", delete_event, "Event 18 is missing", REWRITTEN, NOT_LOGGED),
    Attack("insert an event", insert_event, NOT_THE_ONE, REWRITTEN, NOT_THE_ONE),
    Attack("reorder two events", reorder_events, NOT_THE_ONE, REWRITTEN, "is not in the log"),
    Attack("cut the tail", cut_tail, "was cut off", REWRITTEN, NOT_THE_ONE),
    Attack(
        "cut the last estimate with its record, the tree made to fit", cut_last_estimate, CUT, CUT, ITS_END
    ),
    Attack(SIGNED, and_sign(cut_last_estimate), CUT, CUT, ITS_END),
    Attack("change an age in record and event, all hashes made to fit", rewrite_all, CUT, REWRITTEN, ITS_END),
    Attack(SIGNED, and_sign(rewrite_all), REWRITTEN, REWRITTEN, "event 17 is another one"),
    Attack("roll back the database", roll_back, CUT, CUT, ITS_END),
    Attack("the same, with the folder of the log's key", roll_back_with_keys, CUT, CUT, ITS_END),
    Attack("restore an older back-up", restore_backup, CUT, CUT, ITS_END),
    Attack("change an age in a record", sql(f"{AGE} WHERE sequence = 1"), "age_years", "", "age_years"),
    Attack(
        "delete a decision",
        sql("DELETE FROM decisions WHERE kind = 'need_more'"),
        "is missing",
        "",
        NOT_LOGGED,
    ),
    Attack(
        "make an account admin",
        sql("UPDATE users SET role = 'admin' WHERE name_key = 'anna'"),
        "role is admin instead of underwriter",
        "",
        "role is admin, but the log's last word",
    ),
    Attack(
        "widen a token",
        sql(f"UPDATE tokens SET scopes = '{WIDENED}' WHERE public_id = '{TOKEN}'"),
        "scopes is admin, estimate instead of estimate",
        "",
        "scopes is admin, estimate, but the log's last word",
    ),
    Attack(
        "change a result in a batch",
        sql("UPDATE batch_photos SET age_years = 20 WHERE position = 0"),
        "does not agree with the record",
        "",
        "age_years is 20",
    ),
    Attack("swap the index", swap_index, "the log does not have it", "", "the log does not have it"),
    Attack("swap the model", swap_model, "was not in service before", "", "the log does not have it"),
    Attack(
        "change a file of the index while it is mapped",
        change_mapped_file,
        "was changed while it was in",
        "",
        "has files that are not as listed",
    ),
)
