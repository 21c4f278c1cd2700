// The files of a plain Debian that every host in memory has, as far as ctfix looks at them.
export const DEBIAN: Readonly<Record<string, string>> = {
  '/proc/meminfo': 'MemTotal:        4028440 kB\n',
  '/proc/mounts': '/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\n',
  '/proc/cmdline': 'ro quiet\n',
  '/proc/uptime': '1000.50 1900.00\n',
  '/proc/version': 'Linux version 6.1.0-56-cloud-amd64 (Debian 6.1.192-1)\n',
  '/proc/self/loginuid': '1000',
  '/proc/self/status': 'Name:\tctfix\n',
  '/proc/sys/kernel/osrelease': '6.1.0-56-cloud-amd64\n',
  '/proc/sys/kernel/arch': 'x86_64\n',
  '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n',
  '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
  '/run/systemd/system/.here': '',
  '/run/udev/control': '',
  '/etc/systemd/system/ours.service': '',
};
