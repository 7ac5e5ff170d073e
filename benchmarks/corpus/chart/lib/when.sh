run() { TZ=${2:-UTC} date -d "@${1:-0}" "+%A %d %B %Y %H:%M %Z"; }
