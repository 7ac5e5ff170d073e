run() { for f in "$LIB"/*.sh; do basename "$f" .sh; done | grep -v common | sort; }
