#!/bin/bash
# check HOST: what a person on call looks at first
host=${1:-localhost}
ping -c1 -W1 "$host" >/dev/null && echo "$host answers"
wget -q -T1 -t1 -O- "http://$host:9/" || echo "no page: $?"
ssh -o BatchMode=yes -o ConnectTimeout=1 -p 9 "$host" true 2>/dev/null || echo "no shell: $?"
