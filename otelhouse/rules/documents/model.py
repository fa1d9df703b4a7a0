"""What the models of documents share: strictness, and errors that name the user's path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from otelhouse.rules.errors import InvalidRule

M = TypeVar("M", bound=BaseModel)


class Document(BaseModel):
    """Base of all models: unknown keys are errors, nothing is converted (but int to float), nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def parse_model(model: type[M], document: Mapping[str, Any]) -> M:
    """The document as a model. Raises InvalidRule with the place of the first problem."""
    try:
        # From JSON, because strictness there lets a string name an enum's member and a list be a tuple.
        return model.model_validate_json(json.dumps(document, allow_nan=False))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidRule(_path(first["loc"]), _problem(first["type"], first["msg"])) from None
    except (TypeError, ValueError) as error:
        raise InvalidRule("", f"holds what JSON cannot: {error}") from None


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path


def _problem(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is no setting here"
    return message.removeprefix("Value error, ")
