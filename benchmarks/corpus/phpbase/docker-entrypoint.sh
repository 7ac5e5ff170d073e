#!/usr/bin/env bash
set -e
enable.sh
if [[ -n "$PHP_INI_TIMEZONE" ]]; then echo "date.timezone=$PHP_INI_TIMEZONE" > /etc/php/8.2/apache2/conf.d/99-zone.ini; fi
if [[ -n "$STARTUP_COMMAND" ]]; then bash -c "$STARTUP_COMMAND"; fi
sed -i "s#DocumentRoot .*#DocumentRoot $APACHE_DOCUMENT_ROOT#" /etc/apache2/sites-available/000-default.conf
exec "$@"
