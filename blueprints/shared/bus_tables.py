    op.create_table(
        "axion_inbox",
        sa.Column("consumer_group", sa.String(255), nullable=False),
        sa.Column(
            "key", sa.String(64), nullable=False, comment="SHA-256 of topic:partition:offset"
        ),
        sa.Column("message_id", sa.String(64), comment="null where the record carries none"),
        sa.Column(
            "timestamp", sa.BigInteger(), nullable=False, comment="the record's, Unix milliseconds"
        ),
        sa.Column("topic", sa.String(255), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column(
            "deliveries", sa.Integer(), nullable=False, comment="how often begun and never ended"
        ),
        sa.Column("outcome", sa.String(20), comment="null until it is brought to its end"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False, comment="Unix milliseconds"),
        sa.PrimaryKeyConstraint("key", "consumer_group", name="pk_axion_inbox"),
    )
    op.create_index(
        "uq_axion_inbox_message_id",
        "axion_inbox",
        ["message_id", "consumer_group"],
        unique=True,
        postgresql_where=sa.text("outcome = 'handled'"),
        sqlite_where=sa.text("outcome = 'handled'"),
    )
    op.create_index("ix_axion_inbox_updated_at", "axion_inbox", ["updated_at", "consumer_group"])
    op.create_table(
        "axion_outbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column(
            "topic", sa.String(255), nullable=False, comment="address in the contract, no prefix"
        ),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("value", sa.LargeBinary()),
        sa.Column(
            "headers",
            sa.Text(),
            nullable=False,
            comment="JSON: [[name, value], ...] in their order",
        ),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="Unix milliseconds"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), comment="why the last attempt failed"),
        sa.Column("parked", sa.Boolean(), nullable=False, comment="cannot be sent as it is"),
        sa.PrimaryKeyConstraint("id", name="pk_axion_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_axion_outbox_unsent", "axion_outbox", ["service", "parked", "id"])
    op.create_table(
        "axion_lease",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, comment="Unix milliseconds"),
        sa.PrimaryKeyConstraint("name", name="pk_axion_lease"),
    )
