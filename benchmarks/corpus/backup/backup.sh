#!/bin/bash
set -eu
here=$(dirname "$(readlink -f "$0")")
. "$here/lib.sh"
case ${1:-help} in
help) usage ;;
list) ls -1 "$2" ;;
pack) . "$here/formats/$2.format"; pack "$3" ;;
info) jq -r '.name, (.length | tostring)' "$2" ;;
type) file -b "$2" ;;
sign) sign "$2" ;;
key) keygen ;;
sync) rsync -a --stats "$2/" /tmp/copy/ | head -n 3; ls /tmp/copy ;;
when) TZ=$2 date -d @0 '+%F %T %Z' ;;
sum) openssl dgst -sha256 "$2" ;;
get) curl -sS "$2" ;;
*) die "unknown command $1" ;;
esac
