"""Schemas of Avro that mention others: one schema that needs none."""

import fastavro
import pytest

from axion_gen.runtime.codecs.references import with_references

STREET = {"type": "record", "name": "Street", "fields": [{"name": "name", "type": "string"}]}
COUNTRY = {"type": "enum", "name": "Country", "symbols": ["DE", "FR"]}
ADDRESS = {
    "type": "record",
    "name": "com.acme.Address",
    "fields": [
        {"name": "street", "type": ["null", "Street"]},
        {"name": "country", "type": "geo.Country"},
    ],
}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "com.acme",
    "fields": [
        {"name": "to", "type": "Address"},
        {"name": "others", "type": {"type": "array", "items": "com.acme.Address"}},
        {"name": "by", "type": {"type": "map", "values": ["null", "geo.Country"]}},
        {"name": "parent", "type": ["null", "Order"]},
    ],
}


def test_each_is_written_out_where_it_is_mentioned_first() -> None:
    others = {
        "com.acme.Address": ADDRESS,
        "com.acme.Street": {**STREET, "namespace": "com.acme"},
        "geo.Country": {**COUNTRY, "namespace": "geo"},
    }
    whole = with_references(ORDER, others)
    named = fastavro.parse_schema(whole)["__named_schemas"]  # type: ignore[arg-type,index,call-overload]
    assert set(named) == {"com.acme.Order", *others}


def test_what_has_no_namespace_gets_none_from_where_it_stands() -> None:
    order = {**ORDER, "fields": [{"name": "at", "type": {"type": "array", "items": "a.Place"}}]}
    place = {"type": "record", "name": "a.Place", "fields": [{"name": "in", "type": "a.Country"}]}
    whole = with_references(order, {"a.Place": place, "a.Country": {**COUNTRY, "namespace": "a"}})
    named = fastavro.parse_schema(whole)["__named_schemas"]  # type: ignore[arg-type,index,call-overload]
    assert set(named) == {"com.acme.Order", "a.Place", "a.Country"}
    union = with_references(["null", "Street"], {"Street": STREET})
    assert union == ["null", {"namespace": "", **STREET}]


@pytest.mark.parametrize("schema", ["string", ORDER, ["null", ORDER]])
def test_what_mentions_none_stays_as_it_is(schema: object) -> None:
    assert with_references(schema, {}) is schema
    assert with_references(schema, {"com.acme.Nothing": STREET}) == schema
