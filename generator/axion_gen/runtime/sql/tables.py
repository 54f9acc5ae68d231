"""The tables of inbox and outbox, for SQLite and PostgreSQL.

A service's Alembic takes them in beside its own:

    target_metadata = [Base.metadata, axion_metadata]

Times are Unix milliseconds by the database's clock: services' clocks differ, and the two
databases agree on integers.
"""

from typing import Any, Final

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    inspect,
    literal_column,
    text,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
)

axion_metadata: Final = MetaData()
"""The tables below, and nothing else."""

inbox: Final = Table(
    "axion_inbox",
    axion_metadata,
    Column("consumer_group", String(255), nullable=False),
    Column("key", String(64), nullable=False, comment="SHA-256 of topic:partition:offset"),
    Column("message_id", String(64), comment="null where the record carries none"),
    Column("timestamp", BigInteger, nullable=False, comment="the record's, Unix milliseconds"),
    Column("topic", String(255), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("deliveries", Integer, nullable=False, comment="how often begun and never ended"),
    Column("outcome", String(20), comment="null until it is brought to its end"),
    Column("updated_at", BigInteger, nullable=False, comment="Unix milliseconds"),
    PrimaryKeyConstraint("key", "consumer_group", name="pk_axion_inbox"),
)
"""The marks: which records are begun, and which are processed, by whom.

`message_id` and `timestamp` tell a record from another one at the same offset of a topic
that was made again. `topic`, `partition` and `offset` are for people. `outcome` is
`handled`, `skipped`, `duplicate` or `dead-lettered`. In each index the column that tells
most comes first: a new table has no statistics, and by its group alone all of it is found.
"""

_handled = inbox.c.outcome == text("'handled'")

Index(
    "uq_axion_inbox_message_id",
    inbox.c.message_id,
    inbox.c.consumer_group,
    unique=True,
    postgresql_where=_handled,
    sqlite_where=_handled,
)
Index("ix_axion_inbox_updated_at", inbox.c.updated_at, inbox.c.consumer_group)

outbox: Final = Table(
    "axion_outbox",
    axion_metadata,
    # Only an INTEGER counts up by itself in SQLite.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), autoincrement=True, nullable=False),
    Column("service", String(63), nullable=False),
    Column("topic", String(255), nullable=False, comment="address in the contract, no prefix"),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", Text, nullable=False, comment="JSON: [[name, value], ...] in their order"),
    Column("message_id", String(36), nullable=False),
    Column("created_at", BigInteger, nullable=False, comment="Unix milliseconds"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("error", Text, comment="why the last attempt failed"),
    Column("parked", Boolean, nullable=False, default=False, comment="cannot be sent as it is"),
    PrimaryKeyConstraint("id", name="pk_axion_outbox"),
    sqlite_autoincrement=True,  # an id is never used again: they are the order
)
"""What was emitted in a transaction and is not yet acknowledged by Kafka."""

Index("ix_axion_outbox_unsent", outbox.c.service, outbox.c.parked, outbox.c.id)

lease: Final = Table(
    "axion_lease",
    axion_metadata,
    Column("name", String(255), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("expires_at", BigInteger, nullable=False, comment="Unix milliseconds"),
    PrimaryKeyConstraint("name", name="pk_axion_lease"),
)
"""Who does what only one instance may do at a time, and until when."""


async def create_tables(engine: AsyncEngine) -> None:
    """Create the tables that are missing: for development and tests.

    In production a migration does, so that it is known when they change.
    """
    async with engine.begin() as connection:
        await connection.run_sync(axion_metadata.create_all)


async def missing_tables(engine: AsyncEngine) -> list[str]:
    """What the database lacks: tables, and columns of those it has."""

    def look(connection: Any) -> list[str]:
        inspector = inspect(connection)
        missing: list[str] = []
        for table in axion_metadata.sorted_tables:
            if not inspector.has_table(table.name):
                missing.append(table.name)
                continue
            columns = {column["name"] for column in inspector.get_columns(table.name)}
            missing += [str(column) for column in table.columns if column.name not in columns]
        return missing

    async with engine.connect() as connection:
        missing: list[str] = await connection.run_sync(look)
    return missing


def now_ms(dialect: str) -> Any:
    """An expression: the database's time, in Unix milliseconds, at this moment.

    `dialect` is the engine's `dialect.name`, `sqlite` or `postgresql`.
    """
    return literal_column(f"CAST({_NOW[dialect]} AS BIGINT)", BigInteger())


_NOW: Final = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400000",
    "postgresql": "extract(epoch FROM clock_timestamp()) * 1000",
}
