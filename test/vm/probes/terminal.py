#!/usr/bin/python3
"""A terminal of this machine with a program on it.

terminal.py KEYS SHOWN PROGRAM…: what is written into the fifo KEYS is typed, what the program shows goes to the file SHOWN.
  Ends with the program, and with its exit code.
"""
import os
import pty
import select
import sys

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('this is not the test machine')

_, keys_path, shown_path, *program = sys.argv
if os.path.exists(keys_path):
    os.unlink(keys_path)
os.mkfifo(keys_path)
keys = os.open(keys_path, os.O_RDWR)  # for both, so that it never ends
with open(shown_path, 'wb', buffering=0) as shown:
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(program[0], program)
    while True:
        ready, _, _ = select.select([terminal, keys], [], [])
        if keys in ready:
            os.write(terminal, os.read(keys, 100))
        if terminal in ready:
            try:
                text = os.read(terminal, 65536)
            except OSError:  # EIO: nobody has it open any more
                break
            if not text:
                break
            shown.write(text)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
