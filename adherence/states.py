"""The three states of a week: met, not met, cannot be judged, and why (method, section 13)."""

import polars as pl

MET = "met"
NOT_MET = "not_met"
CANNOT_JUDGE = "cannot_judge"
STATES = (MET, NOT_MET, CANNOT_JUDGE)

WORN = "worn"
SITE = "site"
MODES = (WORN, SITE)

NOT_ENOUGH_WEAR = "not_enough_wear"
GATEWAY_OUTAGE = "gateway_outage"

EXCUSES = ("first_partial_week", "paused", "week_not_over", "no_figures", "rpe_without_log")
"""The week asks nothing of the patient, or cannot yet: it leaves the denominator unless it is met.

A caller that knows several gives the first."""

HINDRANCES = ("no_band", "band_flat", GATEWAY_OUTAGE, NOT_ENOUGH_WEAR)
"""Why too little was observed; said only of a week that was not observed."""

REASONS = (*EXCUSES, *HINDRANCES)


def is_observed() -> pl.Expr:
    """Decide whether enough was seen to say "not met".

    Mode `worn`: a valid week (C13). Mode `site`: the centre's gateways were up in its opening hours
    (`site_observed`; null, not known, is not observed). Where all that the week asks for is logged
    and the log has a row of it (`log_observed`), no band need have been worn.
    """
    by_band = (
        pl.when(pl.col("mode") == SITE)
        .then(pl.col("site_observed").fill_null(value=False))
        .otherwise(pl.col("valid_week"))
    )
    return pl.col("log_observed").fill_null(value=False) | by_band


def states_of(weeks: pl.LazyFrame) -> pl.LazyFrame:
    """Return `weeks` with `state` and `reason`; the reason is null unless it cannot be judged.

    `weeks` has adherent and valid_week, and may have, from the caller: mode (missing or null is
    worn), site_observed and log_observed (Boolean), excuse (one of EXCUSES or null), hindrance (of
    HINDRANCES or null).
    An adherent week is met, whatever the wear and whatever the excuse: what was recorded is enough.
    """
    given = weeks.collect_schema().names()
    facts = {
        "mode": pl.lit(WORN),
        "site_observed": pl.lit(None, pl.Boolean),
        "log_observed": pl.lit(None, pl.Boolean),
        "excuse": pl.lit(None, pl.String),
        "hindrance": pl.lit(None, pl.String),
    }
    unobserved = pl.coalesce(
        pl.col("hindrance"),
        pl.when(pl.col("mode") == SITE)
        .then(pl.lit(GATEWAY_OUTAGE))
        .otherwise(pl.lit(NOT_ENOUGH_WEAR)),
    )
    judged = (
        pl.when(pl.col("adherent"))
        .then(pl.struct(state=pl.lit(MET), reason=pl.lit(None, pl.String)))
        .when(pl.col("excuse").is_not_null())
        .then(pl.struct(state=pl.lit(CANNOT_JUDGE), reason=pl.col("excuse")))
        .when(is_observed())
        .then(pl.struct(state=pl.lit(NOT_MET), reason=pl.lit(None, pl.String)))
        .otherwise(pl.struct(state=pl.lit(CANNOT_JUDGE), reason=unobserved))
    )
    return (
        weeks.with_columns(fact.alias(name) for name, fact in facts.items() if name not in given)
        .with_columns(pl.col("mode").fill_null(WORN))
        .with_columns(judged.alias("judged"))
        .unnest("judged")
        .drop(name for name in facts if name not in given)
    )
