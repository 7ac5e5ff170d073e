usage() { echo "usage: backup list|pack|info|type|sign|key|sync|when|sum|get"; }
die() { echo "backup: $*" >&2; exit 2; }
sign() {
    export GNUPGHOME=/tmp/gpg; mkdir -m 700 -p $GNUPGHOME
    gpg --batch --quiet --passphrase '' --quick-generate-key whale@example.org ed25519 sign never 2>/dev/null
    gpg --batch --quiet --detach-sign --output /tmp/sig "$1"
    gpg --batch --verify /tmp/sig "$1" 2>&1 | grep -c 'Good signature'
}
keygen() { ssh-keygen -q -t ed25519 -N '' -f /tmp/id; ssh-keygen -y -f /tmp/id | cut -d' ' -f1; }
