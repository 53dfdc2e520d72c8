#!/usr/bin/env bash
# Unpacks a server of a newer Debian into build/deps/NAME-VERSION, with the libraries it was built for
# and their loader, so that nothing of this machine is touched and no root is needed. Idempotent: a
# finished directory is left alone. Prints the exact version that it found.
#
# usage: fetch_debian_server.sh mysql 9.7 | mariadb 11.8
#   mysql 9.7     Debian sid's mysql-server-core, with the plugins of semi-synchronous replication;
#                 sid moves on, and then there is no 9.7 any more
#   mariadb 11.8  Debian trixie's mariadb-server-core
set -euo pipefail

flavour="${1:-}" version="${2:-}"
case "$flavour $version" in
  "mysql 9.7") suite=sid program=mysqld share=mysql plugins=(semisync_source.so semisync_replica.so) ;;
  "mariadb 11.8") suite=trixie program=mariadbd share=mariadb plugins=() ;;
  *) echo "usage: fetch_debian_server.sh mysql 9.7 | mariadb 11.8" >&2; exit 64 ;;
esac
package="$flavour-server-core"

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
deps="${ROWTIDE_DEPS:-$root/build/deps}"
target="$deps/$flavour-$version"
say_found() { echo "$flavour $version is $package $(cat "$target/.version") of Debian $suite"; }
# is_finished: false also for a directory from before a plugin was wanted.
is_finished() {
  local plugin
  for plugin in "${plugins[@]}"; do
    [[ -f "$target/lib/mysql/plugin/$plugin" ]] || return 1
  done
  [[ -f "$target/.version" ]]
}
if is_finished; then
  say_found
  exit 0
fi

mkdir -p "$deps"
work="$(mktemp -d "$deps/.$flavour-$version.XXXXXX")"
trap 'rm -rf "$work"' EXIT

# apt's own words name the mirror; they are kept for the case that something goes wrong only.
die() {
  echo "fetch_debian_server.sh: $*" >&2
  [[ ! -s "$work/log" ]] || tail -n 5 "$work/log" >&2
  exit 69
}

# private_apt ARGUMENT...: apt-get with lists, cache and status of its own. Packages are read from the
# mirror that this machine's own packages come from; the keys that sign them are the machine's.
private_apt() {
  apt-get -q -y -o "Dir::State=$work/apt" -o "Dir::State::status=$work/apt/status" \
    -o "Dir::Cache=$work/apt/cache" -o "Dir::Etc::sourcelist=$work/apt/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o "APT::Sandbox::User=$(id -un)" \
    -o Acquire::Languages=none -o APT::Install-Recommends=false "$@" >>"$work/log" 2>&1
}

# download leaves the server and all that it depends on in $work/apt/cache/archives.
download() {
  command -v apt-get >/dev/null || die "this needs Debian"
  # With no package installed the library C comes along, too.
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  : >"$work/apt/status"
  local mirror
  mirror="$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)' \
    'Created-By: Packages' | sed -n 's/^Debian Debian main //p' | head -n 1)"
  [[ -n "$mirror" ]] || die "apt has no list of Debian's packages; run apt-get update first"
  echo "deb $mirror $suite main" >"$work/apt/sources.list"
  private_apt update || die "apt cannot read Debian $suite"
  private_apt --download-only install "$package" || die "apt cannot get $package of Debian $suite"
}

# libraries_of PROGRAM: the full paths of the libraries that it would load.
libraries_of() {
  local found
  found="$("$loader" --library-path "$(dirname "$loader")" --list "$1" |
    sed -n 's/.* => \(\S*\) .*/\1/p')"
  # What comes from elsewhere is missing here.
  if grep -qv "^$work/" <<<"$found"; then
    die "libraries of ${1##*/} are missing: $(grep -v "^$work/" <<<"$found" | tr '\n' ' ')"
  fi
  echo "$found"
}

# assemble makes $work/server: the program behind a wrapper of its name, what it reads, its plugins,
# the libraries of both.
assemble() {
  local archive plugin
  for archive in "$work"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$archive" "$work/unpacked"
  done
  local server="$work/server" system="$work/unpacked/usr"
  mkdir -p "$server/bin" "$server/lib" "$server/libexec" "$server/share"
  mv "$system/sbin/$program" "$server/libexec/"
  cp -a "$system/share/$share" "$server/share/"
  for plugin in "${plugins[@]}"; do
    mkdir -p "$server/lib/mysql/plugin"
    mv "$system/lib/mysql/plugin/$plugin" "$server/lib/mysql/plugin/"
  done
  local loader libraries
  loader="$(find "$work/unpacked" -name 'ld-linux-*.so.*' -type f | head -n 1)"
  libraries="$(libraries_of "$server/libexec/$program")"
  for plugin in "${plugins[@]}"; do
    libraries+=$'\n'"$(libraries_of "$server/lib/mysql/plugin/$plugin")"
  done
  cp -L "$loader" "$server/lib/loader"
  sort -u <<<"$libraries" | xargs -d '\n' cp -L -t "$server/lib"
  cat >"$server/bin/$program" <<'WRAPPER'
#!/bin/sh
here="$(dirname "$(dirname "$(readlink -f "$0")")")"
exec "$here/lib/loader" --library-path "$here/lib" "$here/libexec/${0##*/}" "$@"
WRAPPER
  chmod +x "$server/bin/$program"
}

download
archive="$(echo "$work"/apt/cache/archives/"$package"_*.deb)"
found="$(dpkg-deb -f "$archive" Version)"
[[ "${found#*:}" == "$version".* ]] ||
  die "Debian $suite holds $package $found now, which is no $version"
assemble
echo "$found" >"$work/server/.version"
# Servers run as an unprivileged user, who must be able to read the programs.
chmod -R a+rX "$work/server"
rm -rf "$target"
mv "$work/server" "$target"
say_found
