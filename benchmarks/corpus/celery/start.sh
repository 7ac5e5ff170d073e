#!/bin/sh
redis-server --daemonize yes --save '' > /dev/null
until redis-cli ping > /dev/null 2>&1; do sleep 0.1; done
exec celery -A sea worker -c 1 -l warning
