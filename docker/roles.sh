#!/bin/sh
# Run by the postgres image when it makes the database: a login for each process, which may do only
# what `breakwater migrate` grants it.
set -eu
for process in core web collect; do
    name=$(echo "$process" | tr a-z A-Z)_PASSWORD
    eval "password=\$$name"
    printf "create role breakwater_%s login password :'password';\n" "$process" |
        psql -v ON_ERROR_STOP=1 -v password="$password" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB"
done
