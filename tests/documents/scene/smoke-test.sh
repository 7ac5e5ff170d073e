#!/bin/sh
# What a project's own test may be: it asks the container that TRACEWHALE_IP leads to.
exec python3 -c "import os, urllib.request as u; u.urlopen('http://' + os.environ['TRACEWHALE_IP'] + '/fish.html')"
