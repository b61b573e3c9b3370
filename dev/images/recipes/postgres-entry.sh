#!/bin/sh
# Makes the database cluster at the first start, from the variables the official image has, then becomes postgres.
# Arguments are passed on to postgres.
set -eu
umask 077

fail() {
  echo "postgres: $1" >&2
  exit 64
}

: "${PGDATA:=/var/lib/postgresql/data}"
: "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"

# They are written into SQL below.
for name in "$POSTGRES_USER" "$POSTGRES_DB"; do
  case $name in
    '' | [!A-Za-z_]* | *[!A-Za-z0-9_]*)
      fail "POSTGRES_USER or POSTGRES_DB is \`$name\`, expected letters, digits and _" ;;
  esac
  [ "${#name}" -le 63 ] || fail "POSTGRES_USER or POSTGRES_DB has ${#name} characters, expected at most 63"
done

initialise() {
  # The new folder takes its place; one that cannot be removed is a mount point.
  rmdir "$PGDATA" 2>/dev/null || true
  [ ! -e "$PGDATA" ] || fail "PGDATA is $PGDATA, which cannot be replaced: mount the volume at its parent folder"
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  fi
  [ -n "${POSTGRES_PASSWORD:-}" ] || fail "POSTGRES_PASSWORD is empty: set it, or POSTGRES_PASSWORD_FILE to a file that holds it"

  # Made beside its place and moved there when it is whole: a start that was cut short begins anew.
  new=$PGDATA.new
  rm -rf "$new"
  mkdir -p "$new" || fail "PGDATA is $PGDATA, but user $(id -u) cannot write beside it: mount the volume at its parent folder, \
not at PGDATA, and make it writable for this user"
  # The password goes through a pipe: neither a command line nor a file shows it.
  printf '%s\n' "$POSTGRES_PASSWORD" | initdb --pgdata="$new" --username="$POSTGRES_USER" --pwfile=/proc/self/fd/0 \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-instructions >&2
  echo 'host all all all scram-sha-256' >>"$new/pg_hba.conf"
  if [ "$POSTGRES_DB" != postgres ]; then
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -j -D "$new" postgres >/dev/null
  fi
  mv "$new" "$PGDATA"
  sync
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -n "$(ls -A "$PGDATA" 2>/dev/null)" ]; then
    fail "PGDATA is $PGDATA, which is not empty and holds no database: name another folder"
  fi
  initialise
fi
unset POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE

# For connections from inside the container; its root filesystem may be read-only.
sockets=
for folder in /var/run/postgresql /tmp; do
  if (: >"$folder/.writable") 2>/dev/null; then
    rm -f "$folder/.writable"
    sockets=$folder
    break
  fi
done
exec postgres -D "$PGDATA" -c 'listen_addresses=*' -c "unix_socket_directories=$sockets" "$@"
