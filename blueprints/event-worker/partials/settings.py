{%- if store == 'redis' %}

    redis_url: str = ""
    """Where Redis is: `redis://127.0.0.1:6379/0`; without it marks are kept in memory."""
{%- elif database %}

    database_url: str = "sqlite+aiosqlite:///{{ service_name }}.db"
    """Where the rows are, as SQLAlchemy writes it: `postgresql+asyncpg://user:password@host/name`."""
{%- endif %}
