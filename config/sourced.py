"""A number of the method in a file of ours, with where it comes from."""

from pydantic import BaseModel, ConfigDict, Field


class SourcedNumber(BaseModel):
    """A whole number, its source, and whether a clinician has yet to confirm it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: int
    unit: str = Field(min_length=1)
    source: str = Field(min_length=1)
    confirm: bool
