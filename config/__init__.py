"""Settings, errors, language, and every value a clinician, payer or operator may change."""
