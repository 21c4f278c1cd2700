#!/bin/sh
# Runs inside the new image, once, while it is built: accounts, keys, units, and trees of packages that exclude each other.
set -eu
[ -e /etc/ctfix-test-vm ] || { echo 'not the test image' >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
stage=/usr/share/ctfix-test

# The second kernel. The metapackage moves on; the first kernel stays installed beside it.
apt-get install -qq -y linux-image-cloud-amd64/bookworm-backports >/dev/null

# iptables-persistent conflicts with ufw: kept as trees that a scenario copies over /.
mkdir -p /tmp/debs "$stage/netfilter-persistent"
cd /tmp/debs
chmod 777 . && apt-get download -qq netfilter-persistent iptables-persistent ipset-persistent
for deb in *.deb; do dpkg -x "$deb" "$stage/netfilter-persistent"; done
cd "$stage/netfilter-persistent"
if [ -d lib ]; then mkdir -p usr && cp -a lib usr/ && rm -r lib; fi   # merged /usr: never replace the link /lib
cd / && rm -r /tmp/debs
ln -s iptables.init "$stage/iptables-service/usr/libexec/iptables/ip6tables.init"

useradd -m -u 1000 -s /bin/sh admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin
for home in /root /home/admin; do
  mkdir -p -m 700 "$home/.ssh"
  [ -e /root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
  cp /root/.ssh/id_ed25519.pub "$home/.ssh/authorized_keys"
done
chown -R admin:admin /home/admin
printf 'Host 10.77.0.* fd77::*\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n' >/root/.ssh/config
printf 'PermitRootLogin prohibit-password\nUseDNS no\nMaxStartups 200\n' >/etc/ssh/sshd_config.d/test.conf

echo conntrack-lab >/etc/hostname
printf '127.0.0.1 localhost conntrack-lab\n::1 localhost\n' >/etc/hosts
echo '/dev/vda / ext4 errors=remount-ro 0 0' >/etc/fstab
mkdir -p /var/log/journal
printf '[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n' >/etc/systemd/network/eth0.network

systemctl --quiet disable ufw nftables firewalld fail2ban systemd-networkd-wait-online
systemctl --quiet enable ssh systemd-networkd ctfix-test-agent
# The serial port belongs to the kernel's messages; timers would make runs differ.
systemctl --quiet mask serial-getty@ttyS0.service getty@tty1.service apt-daily.timer apt-daily-upgrade.timer \
  e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer systemd-timesyncd.service \
  systemd-tmpfiles-clean.timer systemd-random-seed.service
rm -f /etc/machine-id && systemd-machine-id-setup >/dev/null
rm -f /var/lib/systemd/random-seed
