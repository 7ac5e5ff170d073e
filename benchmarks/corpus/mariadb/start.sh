#!/bin/sh
set -e
if [ ! -d /var/lib/mysql/mysql ]; then
    mariadb-install-db --user=mysql --skip-test-db >/dev/null
    (until mariadb -e 'select 1' >/dev/null 2>&1; do sleep 0.2; done; mariadb < /etc/whales/init.sql) &
fi
mkdir -p /run/mysqld && chown mysql /run/mysqld
exec mariadbd --user=mysql
