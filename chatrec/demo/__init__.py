"""The demo: MovieLens-100k as the tables of a small shop, and a run under Airflow on a laptop."""
