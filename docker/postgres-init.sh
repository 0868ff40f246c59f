#!/bin/sh
# Run once by the postgres image: a role and a database for Airflow, and one for chatrec and the shop.
set -eu
for name in airflow chatrec; do
    case "$name" in
        airflow) password="$AIRFLOW_DB_PASSWORD" ;;
        chatrec) password="$CHATREC_DB_PASSWORD" ;;
    esac
    psql -v ON_ERROR_STOP=1 -v name="$name" -v password="$password" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
done
