
    database_url: str = "sqlite+aiosqlite:///{{ service_name }}.db"
    """Where the rows are, as SQLAlchemy writes it: `postgresql+asyncpg://user:password@host/name`."""
