"""The Python API: estimators over the models of a run, from data frames, without a database."""
