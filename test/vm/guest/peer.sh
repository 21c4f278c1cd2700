#!/bin/sh
# A peer of this machine: the network namespace `peer` behind a veth pair, and an echo server here, TCP and UDP 7000.
set -eu
[ -e /etc/ctfix-test-vm ] || { echo 'this is not the test machine' >&2; exit 1; }
mkdir -p /run/ctfix-test
if ! ip link show lab0 >/dev/null 2>&1; then
  ip netns add peer
  ip link add lab0 type veth peer name eth0 netns peer
  ip addr add 10.77.0.1/24 dev lab0
  ip addr add fd77::1/64 dev lab0 nodad
  ip link set lab0 up
  ip -n peer addr add 10.77.0.2/24 dev eth0
  ip -n peer addr add fd77::2/64 dev eth0 nodad
  ip -n peer link set lo up
  ip -n peer link set eth0 up
  ip -n peer route add default via 10.77.0.1
fi
systemctl is-active --quiet lab-echo || systemd-run --quiet --collect --unit=lab-echo \
  python3 /usr/local/lib/ctfix-test/echo.py 7000
for _ in $(seq 100); do ss -Hltn 'sport = :7000' | grep -q . && exit 0; sleep 0.1; done
echo 'the echo server does not listen' >&2; exit 1
