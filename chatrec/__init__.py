"""chatrec: nightly recommendations from your Postgres, through Airflow, into a SQL table."""

__version__ = "0.1.0"
