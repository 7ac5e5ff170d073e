die() { echo "$1" >&2; exit "${2:-1}"; }
render() { envsubst <"$SHARE/templates/$1"; }
digest() { sha256sum | cut -d' ' -f1; }
