"""A settings file's faults in a person's words: where, what, and what to do; never the value."""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.language import _, later

# pydantic's name of the fault -> our sentence; %(limit)s and the like come from its context.
SENTENCES = {
    "missing": later("is missing: add it"),
    "int_type": later("must be a whole number"),
    "int_parsing": later("must be a whole number"),
    "int_from_float": later("must be a whole number"),
    "float_type": later("must be a number"),
    "float_parsing": later("must be a number"),
    "bool_type": later("must be true or false"),
    "bool_parsing": later("must be true or false"),
    "string_type": later("must be text in quotes"),
    "string_too_short": later("must not be empty"),
    "string_pattern_mismatch": later("does not have the form %(pattern)s"),
    "path_type": later("must be a path in quotes"),
    "greater_than": later("must be more than %(gt)s"),
    "greater_than_equal": later("must be at least %(ge)s"),
    "less_than": later("must be less than %(lt)s"),
    "less_than_equal": later("must be at most %(le)s"),
    "literal_error": later("must be one of %(expected)s"),
    "model_type": later("must be a table of settings"),
    "model_attributes_type": later("must be a table of settings"),
    "dict_type": later("must be a table of settings"),
    "below_floor": later(
        "%(name)s is below the legal floor: keep them at least %(floor)d days (%(source)s)"
    ),
}


def describe(
    error: ValidationError, model: type[BaseModel], secrets: Mapping[tuple[str, ...], str]
) -> list[str]:
    """Return one line per fault, `broker.port: must be at most 65535`."""
    faults = error.errors(include_url=False, include_input=False)
    return [_line(fault, model, secrets) for fault in faults]


def _line(
    fault: ErrorDetails, model: type[BaseModel], secrets: Mapping[tuple[str, ...], str]
) -> str:
    place = tuple(str(step) for step in fault["loc"])
    if fault["type"] == "missing" and place in secrets:
        sentence = _("is missing: set the environment variable %(variable)s") % {
            "variable": secrets[place]
        }
    elif fault["type"] == "extra_forbidden":
        sentence = _unknown(place, model)
    elif fault["type"] in SENTENCES:
        sentence = _(SENTENCES[fault["type"]]) % fault.get("ctx", {})
    else:
        sentence = _(fault["msg"])  # a check of our own, marked for the catalogue where it stands
    return f"{'.'.join(place)}: {sentence}" if place else sentence


def _unknown(place: tuple[str, ...], model: type[BaseModel]) -> str:
    near = difflib.get_close_matches(place[-1], _keys(model, place[:-1]), n=1)
    if near:
        return _("is no setting; did you mean %(name)s?") % {"name": near[0]}
    return _("is no setting: remove it")


def _keys(model: type[BaseModel], place: tuple[str, ...]) -> list[str]:
    """Return the settings that exist in the table at `place`."""
    for name in place:
        field = model.model_fields.get(name)
        inner = _models(field.annotation) if field is not None else []
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - any annotation may come
    """Return the models in an annotation such as `Tls` or `Tls | None`."""
    return [
        part
        for part in (annotation, *get_args(annotation))
        if isinstance(part, type) and issubclass(part, BaseModel)
    ]
