#!/usr/bin/env bash
# Enable what variables such as APACHE_EXTENSION_STATUS=1 and PHP_EXTENSION_GD=1 name.
while IFS='=' read -r name value; do
  case $name in
    APACHE_EXTENSION_*) module=$(echo "${name#APACHE_EXTENSION_}" | tr '[:upper:]' '[:lower:]')
      if [ "$value" = 1 ]; then a2enmod -q "$module"; else a2dismod -q -f "$module"; fi ;;
    PHP_EXTENSION_*) module=$(echo "${name#PHP_EXTENSION_}" | tr '[:upper:]' '[:lower:]')
      if [ "$value" = 1 ]; then phpenmod "$module"; else phpdismod "$module"; fi ;;
  esac
done < <(env | sort)
