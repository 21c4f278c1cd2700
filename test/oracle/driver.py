"""Lays out a tree of files for each line of JSON on standard input, runs the real programs on it and prints what each of
them said, as one line of JSON. Runs in the private root that enter.sh makes, nowhere else."""
import json
import os
import shutil
import subprocess
import sys

assert os.path.exists('/proc/sys/oracle') and not os.path.exists('/proc/sys/kernel'), 'this is a real /proc/sys'

ENV = {'PATH': '/usr/sbin:/usr/bin', 'LC_ALL': 'C.UTF-8', 'SYSTEMD_LOG_LEVEL': 'debug', 'SYSTEMD_LOG_TARGET': 'console',
       'SYSTEMD_LOG_COLOR': '0', 'SYSTEMD_LOG_LOCATION': '0', 'SYSTEMD_COLORS': '0', 'SYSTEMD_PAGER': ''}


def remove(path):
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    elif os.path.ismount(path):
        for name in os.listdir(path):
            remove(os.path.join(path, name))
    elif os.path.isdir(path):
        shutil.rmtree(path)


def lay(files):
    """`text` makes a file, `link` a link, neither a directory; parents are made."""
    for path, file in files.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if 'text' in file:
            with open(path, 'w', encoding='utf-8', newline='') as out:
                out.write(file['text'])
        elif 'link' in file:
            os.symlink(file['link'], path)
        else:
            os.makedirs(path, exist_ok=True)


def values(keys):
    found = {}
    for key in keys:
        with open('/proc/sys/' + key, encoding='utf-8', newline='') as text:
            found[key] = text.read()
    return found


def reset(keys):
    for key in keys:
        os.makedirs(os.path.dirname('/proc/sys/' + key), exist_ok=True)
        with open('/proc/sys/' + key, 'w', encoding='utf-8') as out:
            out.write('untouched')


def run(argv, keys):
    reset(keys)
    done = subprocess.run(argv, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    out, err = (text.decode('utf-8', 'surrogateescape').encode('utf-8', 'replace').decode() for text in (done.stdout, done.stderr))
    return {'code': done.returncode, 'out': out, 'err': err, 'values': values(keys)}


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        for path in asked['places']:
            remove(path)
        lay(asked['files'])
        with open('/proc/cmdline', 'w', encoding='utf-8') as out:
            out.write(asked['cmdline'] + '\n')
        answer = [run(argv, asked['keys']) for argv in asked['run']]
        reset(asked['keys'])
        print(json.dumps(answer), flush=True)


main()
