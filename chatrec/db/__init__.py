"""PostgreSQL: connections, migrations, locks, bulk copies and run records."""
