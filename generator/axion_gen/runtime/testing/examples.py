"""The examples of a contract, made messages."""

import json
from typing import TypeVar

from pydantic import BaseModel

ModelT = TypeVar("ModelT", bound=BaseModel)


def example(model: type[ModelT], payload: object) -> ModelT:
    """A message of what stands in the document, read as from the wire."""
    return model.model_validate_json(json.dumps(payload))
