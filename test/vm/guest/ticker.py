#!/usr/bin/python3
"""An ssh session that prints ten lines a second, and the times at which they arrived.

ticker.py run LOG ADDRESS: opens the session and writes a monotonic time to LOG for each line, until one of the two ends.
ticker.py gap LOG SINCE: the longest silence since then, the one that lasts until now included, as JSON.
"""
import json
import os
import subprocess
import sys
import time

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('this is not the test machine')

TICKS = 'import time\nwhile True:\n print(time.time())\n time.sleep(.1)'


def run(log, address):
    command = ['ssh', '-o', 'BatchMode=yes', f'root@{address}', f'exec python3 -u -c "{TICKS}"']
    session = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    with open(log, 'w', buffering=1) as times:
        for _line in session.stdout:
            times.write(f'{time.monotonic():.3f}\n')
    sys.exit(session.wait())


def gap(log, since):
    with open(log) as file:
        times = [float(line) for line in file if line.endswith('\n')]
    now = time.monotonic()
    marks = [since] + [at for at in times if at > since] + [now] if since else times + [now]
    longest = max((later - earlier for earlier, later in zip(marks, marks[1:])), default=0)
    silence = now - times[-1] if times else now
    print(json.dumps({'longest': round(longest * 1000), 'silence': round(silence * 1000), 'lines': len(times), 'now': now}))


if sys.argv[1] == 'run':
    run(sys.argv[2], sys.argv[3])
else:
    gap(sys.argv[2], float(sys.argv[3]))
