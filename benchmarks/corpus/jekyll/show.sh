#!/bin/sh
# show FILE JEKYLL-OPTIONS...: build the site with more options and print a file of it
file=$1; shift
cp -r /srv/site /tmp/site; cd /tmp/site
[ -d /data ] && cp -r /data/. .
jekyll build -q -d /tmp/out "$@" >/tmp/log 2>&1 || { echo "failed $?"; sed -n 1,3p /tmp/log; exit 1; }
sed -e 's/[0-9-]*T[0-9:]*+00:00//g' "/tmp/out/$file"
