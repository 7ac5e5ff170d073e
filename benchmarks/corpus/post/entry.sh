#!/bin/bash
set -e
postconf -e "myhostname=${MAIL_HOST:-post.example}" "mydestination=post.example, localhost" "inet_interfaces=all" "home_mailbox=Maildir/" "compatibility_level=3.6" "maillog_file=" "smtpd_tls_cert_file=/etc/ssl/certs/post.pem" "smtpd_tls_key_file=/etc/ssl/private/post.key" "smtpd_tls_security_level=may" "virtual_alias_maps=hash:/etc/postfix/virtual"
echo "info@post.example ada" >/etc/postfix/virtual
postmap /etc/postfix/virtual
newaliases
exec "$@"
