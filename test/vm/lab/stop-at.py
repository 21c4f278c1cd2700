"""Stops ctfix at every line of its journal, and in slices of a millisecond where an effect is waited for, and leaves it
stopped at a step of its change: the journal's last line and the effect itself say where it is. Usage: stop-at.py KIND SEQ PROCESS COMMAND...; KIND is before (announced, not done), after
(done, not ticked off), ticked (ticked off), begin, or end (complete); PROCESS is the word of ctfix's command line that
the one to stop has. Prints one line of JSON."""
import json, os, signal, subprocess, sys, time

if not os.path.exists('/etc/ctfix-test-vm'):
    sys.exit('only for the test machine')

JOURNALS = '/var/lib/ctfix/journal'
kind, seq, word, command = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
SLICE = 0.001


def names():
    try:
        return set(os.listdir(JOURNALS))
    except FileNotFoundError:
        return set()


def text(path):
    try:
        with open(path, 'rb') as file:
            return file.read().decode()
    except OSError:
        return None


def processes():
    """Every ctfix whose command is `word`."""
    for pid in filter(str.isdigit, os.listdir('/proc')):
        words = (text(f'/proc/{pid}/cmdline') or '').split('\0')
        if os.path.basename(words[0]) == 'ctfix' and words[1:2] == [word]:
            yield int(pid)


def stopped(pid, states='TZX'):
    stat = text(f'/proc/{pid}/stat')
    return stat is None or stat[stat.rindex(')') + 2] in states


seen = {'size': 0, 'lines': []}


def lines(journal):
    """Every whole line; only what is new is read, for the first line holds the whole plan."""
    with open(f'{JOURNALS}/{journal}', 'rb') as file:
        file.seek(seen['size'])
        fresh = file.read()
    fresh = fresh[:fresh.rfind(b'\n') + 1]
    seen['size'] += len(fresh)
    seen['lines'] += [json.loads(line) for line in fresh.split(b'\n')[:-1]]
    return seen['lines']


def present(action):
    """Is the effect of a step there? None where nothing simple tells."""
    if action['do'] == 'write-file':
        return text(action['path']) == action.get('after')
    if action['do'] == 'set-value':
        return (text(action['path']) or '').strip() == action['after']
    step = action.get('step', {})
    loaded = lambda: os.path.exists('/sys/module/' + step['module'])
    if step.get('step') == 'unload':
        return not loaded()
    if step.get('step') == 'load':
        return loaded()
    if step.get('step') in ('stop', 'start'):
        shown = subprocess.run(['systemctl', 'is-active', step['unit']], capture_output=True, text=True).stdout.strip()
        return shown in (('inactive', 'failed') if step['step'] == 'stop' else ('active',))
    return None


def place(found):
    """Where the change is: a kind and a step, in their order."""
    if not found:
        return (-2, 'nothing', None)
    last = found[-1]
    if last['line'] == 'intend':
        # The effects of other steps are not looked at: that can take longer than the step.
        effect = present(last['action']) if last['seq'] == seq else None
        return (last['seq'], 'after' if effect else 'before', effect)
    if last['line'] == 'done':
        return (last['seq'], 'ticked', True)
    return (-1, 'begin', None) if last['line'] == 'begin' else (10**6, last['line'], None)


ORDER = ['begin', 'before', 'after', 'ticked', 'end']
rank = lambda at: (at[0], ORDER.index(at[1]) if at[1] in ORDER else 9)
wanted = (-1 if kind == 'begin' else 10**6 if kind == 'end' else seq, kind)

known = names()
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
except OSError:
    pass
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open('/run/ctfix-test/stop-at.out', 'w'),
                         stderr=subprocess.STDOUT, start_new_session=True,
                         preexec_fn=lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)))
journal = None
while journal is None:
    if child.poll() is not None:
        print(json.dumps({'reached': False, 'why': 'ended before its journal', 'code': child.returncode}))
        sys.exit()
    fresh = names() - known
    journal = min(fresh) if fresh else None
    time.sleep(SLICE)

pids = list(processes())
pid = pids[0] if pids else None
answer = {'reached': False, 'why': 'no process'}


def wait_for_news():
    """Until the journal has grown or the process is gone. A line is on the disk (fsync) before the step after it begins,
    which takes far longer than a look: so this is in time, and costs the machine less than stopping it all the time."""
    while os.path.getsize(f'{JOURNALS}/{journal}') <= seen['size'] and not stopped(pid, 'ZX'):
        time.sleep(SLICE)


while pid is not None:
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        answer = {'reached': False, 'why': 'it has ended', 'at': place(lines(journal))}
        break
    while not stopped(pid):
        pass
    at = place(lines(journal))
    if at[:2] == wanted:
        answer = {'reached': True, 'at': at, 'pid': pid, 'journal': journal}
        break
    if rank(at) > rank(wanted):
        answer = {'reached': False, 'why': 'it was past it', 'at': at, 'pid': pid}
        break
    if stopped(pid, 'ZX'):
        answer = {'reached': False, 'why': 'it has ended', 'at': at}
        break
    # From an effect to its line, and from a line to the next, are fractions of a millisecond: slices, and long pauses, in
    # which only what ctfix has started goes on.
    near = at[0] == seq and kind in ('after', 'ticked')
    if near:
        time.sleep(4 * SLICE)
    os.kill(pid, signal.SIGCONT)
    if near:
        time.sleep(SLICE)
    else:
        wait_for_news()
print(json.dumps(answer))
