"""The words of the pages for what the database holds as codes."""

from collections.abc import Mapping

from alerts.lifecycle import OUTCOMES
from config.alert_rules import TIER_NAMES
from config.language import later
from reports.why.words import PARTS, VERDICTS

__all__ = ["OUTCOMES", "PARTS", "TIER_NAMES", "VERDICTS"]

ROLES: Mapping[str, str] = {
    "family_doctor": later("family doctor"),
    "therapist": later("rehabilitation therapist"),
    "instructor": later("exercise instructor"),
    "operator": later("operator"),
    "administrator": later("administrator"),
    "payer": later("insurer"),
    "auditor": later("auditor"),
}

TIER_MEANING: Mapping[str, str] = {
    "red": later("at once"),
    "yellow": later("today"),
    "blue": later("this week"),
    "grey": later("technical"),
}

ALERT_STATES: Mapping[str, str] = {
    "open": later("open"),
    "acknowledged": later("acknowledged"),
    "closed": later("closed"),
}

HEARD_BY: Mapping[str, str] = {
    "edge": later("gateway"),
    "district": later("district"),
    "both": later("gateway and district"),
}

SOURCES: Mapping[str, str] = {
    "measured": later("measured"),
    "gellish": later("formula by age (207 - 0.7 x age)"),
    "brawner": later("formula by age on a beta-blocker (164 - 0.7 x age)"),
    "recorded": later("from the recordings before the start"),
    "prescribed": later("set by the doctor"),
    "default": later("default of the rule"),
}

INTENSITY_KINDS: Mapping[str, str] = {
    "hrr": later("% of heart-rate reserve"),
    "hr_max": later("% of maximum heart rate"),
    "bpm": later("beats per minute"),
    "rpe": later("perceived exertion (Borg 6-20)"),
}

PHASES: Mapping[str, str] = {
    "adapt": later("adapting"),
    "progress": later("progressing"),
    "reach": later("reaching the target"),
    "hold": later("holding it"),
}

ACTIONS: Mapping[str, str] = {
    "log_in": later("logged in"),
    "log_in_failed": later("log-in refused"),
    "log_out": later("logged out"),
    "enter_by_link": later("entered by a link"),
    "set_password": later("set a password"),
    "read_list": later("read the work list"),
    "read_patients": later("read the list of patients"),
    "read_patient": later("read a patient's page"),
    "read_week": later("read the minutes of a week"),
    "read_payment": later("read the payment lines"),
    "read_audit": later("read the audit trail"),
    "read_accounts": later("read the accounts"),
    "see_finding": later("took note of a finding against a gateway"),
    "refused": later("refused"),
    "show_names": later("showed names in full"),
    "alert_acknowledged": later("acknowledged an alert"),
    "alert_closed": later("closed an alert"),
    "prescribe": later("wrote a prescription"),
    "read_sessions": later("read the session log"),
    "note_session": later("wrote into the session log"),
    "correct_session": later("corrected the session log"),
    "put_staff": later("wrote a person of the staff"),
    "issue_link": later("issued a one-time link"),
    "disable_account": later("disabled an account"),
    "enable_account": later("enabled an account"),
    "join_care_team": later("took into a care team"),
    "leave_care_team": later("took out of a care team"),
    "put_organisation": later("wrote a district or centre"),
    "put_patient": later("wrote a patient"),
    "put_consent": later("entered a consent"),
    "withdraw_consent": later("entered the withdrawal of a consent"),
    "put_risk": later("entered a risk assessment"),
    "put_outcome": later("entered a health outcome"),
    "correct_risk": later("corrected a risk assessment"),
    "correct_outcome": later("corrected a health outcome"),
    "take_record_back": later("took back a risk assessment or health outcome"),
    "read_records": later("read a patient's consents, risk and outcomes"),
    "register_band": later("registered a band"),
    "assign_band": later("handed out a band"),
    "take_band_back": later("took a band back"),
    "give_claim_code": later("made a claim code"),
    "withdraw_claim_code": later("withdrew a claim code"),
    "band_claimed": later("claimed a band on the on-site page"),
    "band_claim_ended": later("ended the claim of a band"),
    "lend_band": later("lent a band"),
    "swap_bands": later("exchanged two people's bands"),
    "recompute": later("recomputed results"),
    "report_weeks": later("wrote the nightly report"),
    "payment_evaluated": later("evaluated a month's payment lines"),
    "payment_line_replaced": later("replaced a payment line"),
    "payment_line_removed": later("removed a payment line"),
    "enrol_gateway": later("enrolled a gateway"),
    "add_gateway_key": later("gave a gateway a new key"),
    "retire_gateway_keys": later("ended a gateway's former keys"),
    "revoke_gateway": later("revoked a gateway"),
    "export_readings": later("exported readings to files"),
    "drop_exported_readings": later("dropped readings that are in files"),
    "purge_exported_readings": later("took readings that belong to nobody out of files"),
    "read_readings": later("read readings"),
    "drop_readings": later("dropped old readings"),
    "drop_payloads": later("dropped old signed batches"),
    "drop_letter_bytes": later("dropped the bytes of old dead letters"),
    "purge_unowned": later("deleted readings that belong to nobody"),
    "back_up": later("made a backup"),
    "restore_backup": later("restored a backup"),
}

KINDS: Mapping[str, str] = {
    "raised": later("raised"),
    "paged": later("somebody was called"),
    "escalated": later("others were called"),
    "nobody_to_tell": later("there was no address to tell"),
    "repeated": later("again"),
    "raised_again": later("again, after it had been acknowledged"),
    "heard_also": later("noticed by the other side too"),
    "ended": later("the condition ended"),
    "acknowledged": later("acknowledged"),
    "closed": later("closed"),
    "closed_itself": later("closed by later data"),
    "reopened": later("opened again"),
}
"""What happens to an alert."""

DELIVERIES: Mapping[str, str] = {
    "queued": later("waits"),
    "sent": later("sent"),
    "refused": later("refused: not delivered"),
    "unknown": later("not known whether it arrived"),
    "dropped": later("no longer needed"),
}

SHARES: Mapping[str, str] = {
    "doctor": later("doctor"),
    "therapist": later("therapist"),
    "instructor": later("instructor"),
}
