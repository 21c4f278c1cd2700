# Makes a private root around the programs of another Debian and runs the driver in it: enter.sh ROOT NEW merged|split.
# Started in a mount namespace of its own. Nothing of this machine's /proc/sys or /sys can be seen in there.
set -eu
root=$1 new=$2 layout=$3
here=$(dirname "$(readlink -f "$0")")
mount -t tmpfs -o mode=755 oracle "$new"
cd "$new"
mkdir dev etc proc run tmp usr
mount --bind "$root/usr" usr
mount -o remount,bind,ro usr
for dir in usr/lib/sysctl.d usr/lib/modprobe.d usr/local/lib; do mount -t tmpfs oracle "$dir"; done
for dir in bin sbin lib64; do ln -s "usr/$dir" "$dir"; done
if [ "$layout" = merged ]; then
  ln -s usr/lib lib
else
  for dir in usr/lib/*-linux-gnu usr/lib/systemd usr/lib/modules; do
    mkdir -p "lib/${dir#usr/lib/}"
    mount --bind "$dir" "lib/${dir#usr/lib/}"
  done
fi
mount -t proc oracle proc
mount -t tmpfs oracle proc/sys
: >proc/sys/oracle
: >run/cmdline
mount --bind run/cmdline proc/cmdline
: >dev/null
mount --bind /dev/null dev/null
cp "$here/driver.py" tmp/driver.py
exec chroot . /usr/bin/python3 -B /tmp/driver.py
