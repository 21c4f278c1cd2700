#!/usr/bin/python3
"""What does watching cost, and is what it shows right? Two watchers beside each other, each on a terminal of its own.

watch.py compare SECONDS: runs `ctfix status --watch 1` and `watch -d -n 1 cat …/nf_conntrack_count` and takes the processor
  time of both, children and all, from some seconds after their start on; looks at the count by itself meanwhile; then ends
  ctfix with the key q. Prints JSON.
watch.py fill ADDRESS PORT RATE: opens RATE connections a second and keeps them, until it is ended.
"""
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import sys
import termios
import threading
import time

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('this is not the test machine')

COUNT = '/proc/sys/net/netfilter/nf_conntrack_count'
# What a start leaves to be compiled is start-up, too.
WARM_S = 15


def count():
    with open(COUNT) as file:
        return int(file.read())


class OnTerminal:
    """A program on a terminal of 80 × 24, and all that it wrote there."""

    def __init__(self, *argv):
        self.shown = b''
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM='xterm-256color', LC_ALL='C.UTF-8')
            os.execvp(argv[0], argv)
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
        self.modes = termios.tcgetattr(self.end)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            while data := os.read(self.end, 65536):
                self.shown += data
        except OSError:
            pass

    def until(self, text, limit=120):
        end = time.monotonic() + limit
        while text not in self.shown:
            if time.monotonic() > end:
                sys.exit(f'not shown within {limit} s: {text} in {self.shown!r}')
            time.sleep(0.1)

    def seconds(self):
        """Processor time of the process and of its children that have ended, proc(5)."""
        with open(f'/proc/{self.pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return sum(int(field) for field in fields[11:15]) / os.sysconf('SC_CLK_TCK')

    def children(self):
        with open(f'/proc/{self.pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return sum(int(field) for field in fields[13:15])


def compare(seconds):
    ctfix = OnTerminal('ctfix', 'status', '--watch', '1')
    ctfix.until(b'time to full')
    watch = OnTerminal('watch', '-d', '-n', '1', 'cat', COUNT)
    watch.until(b'Every 1.0s')
    time.sleep(WARM_S)
    before = [each.seconds() for each in (ctfix, watch)]
    looks = len(re.findall(rb'\x1b\[1;1H', ctfix.shown))
    counts = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        counts.append(count())
        time.sleep(0.5)
    after = [each.seconds() for each in (ctfix, watch)]
    looks = len(re.findall(rb'\x1b\[1;1H', ctfix.shown)) - looks
    children = ctfix.children()
    # A terminal keeps its modes while this end is open, whoever has ended on the other one.
    os.write(ctfix.end, b'q')
    _, status = os.waitpid(ctfix.pid, 0)
    counts.append(count())
    modes = termios.tcgetattr(ctfix.end)
    ctfix.reader.join(5)
    os.kill(watch.pid, signal.SIGTERM)
    shown = ctfix.shown.decode('utf-8', 'replace')
    print(json.dumps({
        'ctfix': after[0] - before[0],
        'watch': after[1] - before[1],
        'looks': looks,
        'children': children,
        'code': os.waitstatus_to_exitcode(status),
        'same': modes[:4] == ctfix.modes[:4],
        'counts': [counts[0], max(counts)],
        'last': shown.rstrip().splitlines()[-1],
        'screen': re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '\n', shown)[-1500:],
        'outlooks': len(set(re.findall(r'(\d+ (?:min|s)[^,\x1b]*)(?:\x1b\[[0-9;]*m)?, at \+', shown))),
    }))


def fill(address, port, rate):
    held = []
    begin = time.monotonic()
    while True:
        try:
            held.append(socket.create_connection((address, port), 5))
        except OSError:
            pass
        time.sleep(max(0, begin + (len(held) + 1) / rate - time.monotonic()))


what, *rest = sys.argv[1:]
if what == 'compare':
    compare(int(rest[0]))
else:
    fill(rest[0], int(rest[1]), float(rest[2]))
