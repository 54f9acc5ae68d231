"""Records of Avro that stand in unions: by their names the bytes say which one they are."""

from collections.abc import Iterator

from ..asyncapi.avro_names import full_name
from ..asyncapi.contract import Message, reachable
from .models import Models
from .plan import Plan


def union_records(plan: Plan, models: Models, message: Message) -> dict[str, str]:
    """The classes of the records that stand beside other records in a union, by full name.

    One whose class cannot be told, for several have its short name, is left out.
    """
    if message.avro is None or message.payload is None:
        return {}
    schemas = reachable(plan.contract.schemas, iter([message.payload]))
    by_name: dict[str, list[str]] = {}
    for id_, schema in schemas.items():
        by_name.setdefault(schema.name, []).append(models.payloads[id_])
    found: dict[str, str] = {}
    for namespace, short in _in_unions(message.avro.schema, ""):
        classes = by_name.get(short, [])
        if len(classes) == 1:
            found[f"{namespace}.{short}" if namespace else short] = classes[0]
    return found


def _in_unions(schema: object, namespace: str) -> Iterator[tuple[str, str]]:
    if isinstance(schema, list):
        records = [part for part in schema if _is_record(part) or _is_name(part)]
        for part in schema:
            if len(records) > 1 and _is_record(part):
                yield full_name(part.get("name"), part.get("namespace"), namespace)
            elif len(records) > 1 and _is_name(part):
                yield full_name(part, None, namespace)
            yield from _in_unions(part, namespace)
    elif isinstance(schema, dict):
        if schema.get("name"):
            namespace, _ = full_name(schema.get("name"), schema.get("namespace"), namespace)
        for key in ("type", "items", "values"):
            yield from _in_unions(schema.get(key), namespace)
        fields = schema.get("fields")
        for field in fields if isinstance(fields, list) else ():
            yield from _in_unions(field.get("type"), namespace)


def _is_record(schema: object) -> bool:
    return isinstance(schema, dict) and schema.get("type") in ("record", "error")


def _is_name(schema: object) -> bool:
    return isinstance(schema, str) and schema not in _PRIMITIVES


_PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
