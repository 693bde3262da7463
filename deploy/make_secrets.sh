#!/bin/sh
# Writes deploy/secrets once: passwords of this installation's roles, and the master key.  What is
# there stays as it is.  Put the custodian's credentials beside them (vault_token).
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
# A process in a container reads them as a user of its own: the folder is closed, the files are not.
chmod 0700 secrets

make() {
    [ -e "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"
    chmod 0444 "secrets/$1"
}
password() { openssl rand -hex 24; }

make postgres_password "$(password)"
make migrator_url "postgresql://postgres:$(cat secrets/postgres_password)@database/tallystick"
make database_url "postgresql://tallystick:$(password)@database/tallystick"
make seal_database_url "postgresql://tallystick_seals:$(password)@database/tallystick"
make metrics_database_url "postgresql://tallystick_figures:$(password)@database/tallystick"
make master_key "$(openssl rand -base64 32)"
[ -e secrets/vault_token ] || echo 'secrets/vault_token is yours to write' >&2
echo 'Keep a copy of secrets/master_key where the backups are not.' >&2
