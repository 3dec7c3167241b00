#!/bin/sh
# Run by the Postgres image when it makes its database, with the passwords of the Secret.
set -eu
set --
for service in auth jobs billing admin; do
    set -- "$@" -v "$service=$(cat "/passwords/$service")"
done
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@" -f /create-roles/create-roles.sql
