/** What apply does, step by step, in words that a reader can check by hand. Pure. */
import { argvOf } from '../command.ts';
import { FLOWS_DIR } from '../flows.ts';
import { GUARD } from '../guard.ts';
import type { Action, HostCommand, ReloadStep } from '../model.ts';

/** One step: a verb, its object (a path, a command line as it is run), and why. */
export type StepLine = { readonly verb: string; readonly object: string; readonly why: string };

/** The step of one action, in the plan's own words; commands exactly as they are run. */
export function stepOf(action: Action): StepLine {
  switch (action.do) {
    case 'write-file':
      return { verb: fileVerb(action), object: action.path, why: action.why };
    case 'set-value':
      return { verb: 'set', object: `${action.name} = ${action.after}${place(action)}`, why: action.why };
    case 'refresh':
      return { verb: 'run', object: commandLine(action.command), why: action.why };
    case 'reload':
      return { ...reloadLine(action.step), why: action.why };
  }
}

/** The words of a command as a shell would need them: quoted only where quoting is needed. */
function commandLine(command: HostCommand): string {
  return argvOf(command)
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}

function fileVerb(action: Extract<Action, { do: 'write-file' }>): string {
  if (action.after === undefined) return 'remove';
  return action.before === undefined ? 'create' : 'edit';
}

/** A sysctl key says where it is; anything else is told. */
function place({ name, path }: Extract<Action, { do: 'set-value' }>): string {
  return path === `/proc/sys/${name.replaceAll('.', '/')}` ? '' : `, at ${path}`;
}

function reloadLine(step: ReloadStep): Omit<StepLine, 'why'> {
  const run = (command: HostCommand) => ({ verb: 'run', object: commandLine(command) });
  switch (step.step) {
    case 'record':
      return { verb: 'record', object: step.what };
    case 'stop':
      return run({ unit: 'stop', name: step.unit });
    case 'clear-rules':
      return run(
        step.tool === 'netfilter-persistent'
          ? { flush: 'netfilter-persistent' }
          : { rules: step.tool, how: 'transaction' },
      );
    case 'prove-down':
      return { verb: 'prove', object: 'that the rules are gone and that no packet holds a flow' };
    case 'unload':
      return run({ module: 'unload', name: step.module });
    case 'load':
      return run({ module: 'load', name: step.module });
    case 'write-back':
      return { verb: 'set', object: 'every other connection table value as it was' };
    case 'start':
      return run({ unit: 'start', name: step.unit });
    case 'load-rules':
      return run({ rules: step.tool, how: 'restore' });
    case 'prove-rules':
      return { verb: 'prove', object: `that the ruleset is the recorded one${step.along ? ', of every unit' : ''}` };
    case 'start-along':
      return run({ unit: 'start', name: step.unit });
    case 'guard-up':
      return {
        verb: 'guard',
        object: `nft -f -: table ${GUARD}, drops all but ssh that is there, ICMP, DHCP, loopback`,
      };
    case 'guard-down':
      return { verb: 'end', object: `the guard: nft delete table ${GUARD}` };
    case 'save-flows':
      return run({ flows: 'save' });
    case 'drain-flows':
      return run({ flows: 'flush' });
    case 'restore-flows':
      return { verb: 'load', object: `every flow that was saved: conntrack -R, a file of ${FLOWS_DIR} at a time` };
  }
}
