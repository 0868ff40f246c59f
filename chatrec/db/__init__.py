"""PostgreSQL: connections, migrations, locks, bulk copies and the record of runs."""
