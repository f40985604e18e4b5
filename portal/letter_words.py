"""Why a message became a dead letter and what came of reading it again, in an operator's words.

The long form, and what to do: docs/reference/dead-letter-reasons.md.
"""

from collections.abc import Mapping

from config.language import later

REASONS: Mapping[str, str] = {
    "unknown_topic": later("not a topic of ours"),
    "oversize": later("longer than a message may be"),
    "not_cose": later("damaged, or not of a gateway"),
    "unknown_gateway": later("no gateway of this name is enrolled"),
    "unknown_key": later("not the key this gateway is enrolled with"),
    "revoked_key": later("the key was revoked"),
    "bad_signature": later("the signature is wrong"),
    "another_hub_key": later("encrypted to a key this hub does not have"),
    "unpacked_oversize": later("far too long once unpacked"),
    "malformed": later("the content breaks the rules of batches"),
    "unsupported_schema": later("newer than this hub: update the hub"),
    "unsupported_quantity": later("a quantity this hub does not know: update the hub"),
    "wrong_identity": later("another centre or gateway inside than on the topic"),
    "forked_spool": later("forked spool: restored or cloned box"),
    "forked_event": later("another event under the same number"),
    "claim_of_stranger": later("a band claimed by somebody in no programme there"),
    "claim_of_registered_band": later("a band claimed that was given to somebody else"),
    "claim_contradicts_itself": later("a claim that ends other than it began"),
    "database_refused": later("refused by a rule of the database: report it"),
    "unforeseen": later("the hub failed on it: report it"),
}

OUTCOMES: Mapping[str, str] = {
    **REASONS,
    "stored": later("stored"),
    "duplicate": later("was stored already"),
    "truncated": later("kept only in part: cannot be read again"),
    "not_retriable": later("a state, no news any more"),
}
"""What came of reading a letter again: stored, or the reason once more."""
