#!/usr/bin/python3
"""The agent of ctfix's test machine: carries out requests from a virtio-serial port, one JSON object a line.

It needs no network, so it outlives every firewall experiment. It runs nowhere but in the image made for the tests.
"""
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

MARKER = '/etc/ctfix-test-vm'
PORT = '/dev/virtio-ports/ctfix.agent'
JOBS = '/run/ctfix-test/jobs'

write_lock = threading.Lock()
jobs = {}


def start(request, stdout, stderr, stdin):
    """Starts `sh -c` in its own process group, as root or as an ordinary user."""
    user = request.get('user') or 'root'
    home = '/root' if user == 'root' else '/home/' + user
    env = {
        'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'HOME': home, 'USER': user, 'LOGNAME': user, 'SHELL': '/bin/sh', 'LANG': 'C.UTF-8',
        **(request.get('env') or {}),
    }
    identity = {} if user == 'root' else {'user': user, 'group': user, 'extra_groups': []}
    return subprocess.Popen(['/bin/sh', '-c', request['cmd']], cwd=home, env=env, start_new_session=True,
                            stdin=stdin, stdout=stdout, stderr=stderr, **identity)


def kill_group(process, sig=signal.SIGKILL):
    try:
        os.killpg(process.pid, sig)
    except ProcessLookupError:
        pass


def text(file):
    file.seek(0)
    return file.read().decode('utf-8', 'replace')


def run(request):
    """Output goes to files, not pipes: a daemon that the command leaves behind cannot hold up the answer."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as stdin:
        stdin.write((request.get('input') or '').encode())
        stdin.seek(0)
        process = start(request, out, err, stdin)
        timed_out = False
        try:
            process.wait(request['timeout'])
        except subprocess.TimeoutExpired:
            timed_out = True
            kill_group(process)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                pass  # spinning in the kernel: SIGKILL does nothing
        code = process.returncode
        return {'code': -1 if code is None else 128 - code if code < 0 else code, 'stdout': text(out),
                'stderr': text(err), 'timedOut': timed_out, 'ms': round((time.monotonic() - begin) * 1000)}


def spawn(request):
    os.makedirs(JOBS, exist_ok=True)
    job = str(len(jobs) + 1)
    with open(f'{JOBS}/{job}', 'wb') as out:
        jobs[job] = start(request, out, subprocess.STDOUT, subprocess.DEVNULL)
    return {'job': job, 'pid': jobs[job].pid}


def job_state(request):
    """The output so far and, once it has ended, the exit code; `signal` is sent to the whole group first."""
    process = jobs[request['job']]
    if request.get('signal'):
        kill_group(process, getattr(signal, 'SIG' + request['signal']))
    code = process.poll()
    with open(f"{JOBS}/{request['job']}", 'rb') as out:
        output = out.read().decode('utf-8', 'replace')
    return {'running': code is None, 'code': code, 'output': output}


def put(request):
    path = request['path']
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(base64.b64decode(request['data']))
    os.chmod(path, request['mode'])
    return {}


def get(request):
    try:
        with open(request['path'], 'rb') as file:
            return {'data': base64.b64encode(file.read()).decode()}
    except FileNotFoundError:
        return {'data': None}


def ping(_request):
    with open('/proc/sys/kernel/random/boot_id') as file:
        return {'bootId': file.read().strip()}


def set_clock(request):
    time.clock_settime(time.CLOCK_REALTIME, request['seconds'])
    return {}


ACTIONS = {'run': run, 'spawn': spawn, 'job': job_state, 'put': put, 'get': get, 'ping': ping, 'clock': set_clock}


def answer(port, request):
    try:
        reply = ACTIONS[request['action']](request)
    except Exception as error:  # the tester hears of everything that goes wrong here
        reply = {'error': f'{type(error).__name__}: {error}'}
    line = memoryview((json.dumps({'id': request['id'], **reply}) + '\n').encode())
    with write_lock:
        while line:
            line = line[os.write(port, line):]


def serve(port):
    pending = b''
    while True:
        chunk = os.read(port, 65536)
        if not chunk:  # nobody at the other end
            time.sleep(0.1)
            continue
        *lines, pending = (pending + chunk).split(b'\n')
        for line in lines:
            try:
                request = json.loads(line)
            except ValueError:
                continue  # the rest of a line that was meant for the system before the reboot
            threading.Thread(target=answer, args=(port, request), daemon=True).start()


if __name__ == '__main__':
    if not os.path.exists(MARKER):
        sys.exit(f'{MARKER} is missing: this is not the test machine')
    serve(os.open(PORT, os.O_RDWR))
