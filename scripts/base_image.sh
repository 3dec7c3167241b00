#!/bin/sh
# Make the base image of the services' images here, for a machine that reaches a Debian mirror but no image registry:
# Debian trixie with its Python 3.13, under the name of the official image.
#
#   scripts/base_image.sh [NAME]        NAME: docker.io/library/python:3.13-slim
#
# As root; apt-get install debootstrap and buildah. It asks the mirror that this machine's apt uses, or MIRROR. It is a
# stand-in: a little larger than the official image, and its Python is Debian's. A release is built on the official one.
set -eu

name=${1:-docker.io/library/python:3.13-slim}
suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() {
    echo "base_image: $*" >&2
    exit 1
}

# The first mirror among apt's sources, of either format, without those of security updates.
mirror() {
    {
        sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources
        sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null | grep -v security | grep debian | head -n 1
}

[ "$(id -u)" = 0 ] || die "must run as root"
for program in debootstrap buildah; do
    command -v "$program" >/dev/null || die "$program is not installed (apt-get install $program)"
done
from=${MIRROR:-$(mirror)}
[ -n "$from" ] || die "apt's sources name no Debian mirror: set MIRROR"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
root=$work/root

packages=ca-certificates,netbase,tzdata,python3,python3-venv
debootstrap --variant=minbase --keyring="$keyring" --include="$packages" "$suite" "$root" "$from" >"$work/log" ||
    { tail -n 20 "$work/log" >&2 && die "debootstrap failed"; }

# `python` is where the official image has it.
ln -s /usr/bin/python3 "$root/usr/local/bin/python3"
ln -s python3 "$root/usr/local/bin/python"

# What Debian's slim images lack, too; and the name of the mirror.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/* "$root"/var/log/*
rm -rf "$root"/var/cache/ldconfig/* "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/info/*
find "$root/usr/share/locale" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +
rm -f "$root"/etc/apt/sources.list "$root"/etc/resolv.conf "$root"/etc/hostname "$root"/etc/machine-id
printf 'Types: deb\nURIs: http://deb.debian.org/debian\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
    "$suite" "$keyring" >"$root/etc/apt/sources.list.d/debian.sources"

container=$(buildah from scratch)
trap 'buildah rm "$container" >/dev/null; rm -rf "$work"' EXIT
buildah add --quiet "$container" "$root" / >/dev/null
buildah config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin --env LANG=C.UTF-8 \
    --cmd python3 "$container"
buildah commit --quiet "$container" "$name" >/dev/null
echo "$name"
