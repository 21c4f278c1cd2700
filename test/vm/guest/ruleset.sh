#!/bin/sh
# Everything that filters here, as foreign tools see it, without counters and dates. Loads no module.
[ -e /etc/ctfix-test-vm ] || { echo 'this is not the test machine' >&2; exit 1; }
rules() { echo "== $*"; "$@" 2>/dev/null | sed -e '/^#/d' -e 's/ *\[[0-9]*:[0-9]*\]$//'; }
echo '== nft -s list ruleset'
nft -s list ruleset
rules iptables-nft-save
rules ip6tables-nft-save
rules iptables-legacy-save
rules ip6tables-legacy-save
echo '== ipset save'
if [ -d /sys/module/ip_set ]; then ipset save | sort; fi
