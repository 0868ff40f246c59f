"""Locations: chatrec's own tables, the files of runs, and the pages' connection."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from chatrec.config.connection_url import validated
from chatrec.config.section import SECRET, Section


class Database(Section):
    """Location of chatrec's own tables."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """Connection URL: postgresql://user:password@host:5432/name, with the options of libpq after `?`. In a password,
    write @ as %40. If empty, chatrec starts an embedded PostgreSQL in `folder`."""
    schema_name: str = Field("chatrec", pattern=r"^[a-z_][a-z0-9_]{0,40}$")
    """Schema of chatrec's tables. Each schema is one installation, so one database can serve several shops."""
    folder: Path = Path(".chatrec/postgres")
    """Data folder of the embedded PostgreSQL, used when `url` is empty."""

    _postgres = field_validator("url")(validated)


class Artifacts(Section):
    """Storage for files: snapshots, encoders, vectors and indexes."""

    root: Path = Path(".chatrec/artifacts")
    """Folder for the files of all runs. All workers must share it."""


class Pages(Section):
    """Pages in Airflow's web UI."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """Connection URL of a role with read access, such as a member of chatrec_reader. If empty, `database.url`. All
    transactions of the pages are read-only in either case."""

    people: Literal["edit", "read", "off"] = "edit"
    """Access to users, with their lists and histories: "edit" for those who may edit the DAG `chatrec_nightly`,
    "read" for those who may read it, "off" for no one. The other pages are for those who may read it."""

    _postgres = field_validator("url")(validated)
