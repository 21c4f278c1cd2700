/** Why each step of a reload is there, in words for the plan. Pure. */
import type { Facts, ReloadStep } from './model.ts';

/**
 * The reason for a step; it names the listeners for whom nf_conntrack_netlink is loaded again.
 * @param step one of `reloadSteps`
 * @param facts the facts it was made from
 */
export function reloadWhy(step: ReloadStep, facts: Facts): string {
  switch (step.step) {
    case 'record':
      return 'what cannot be given back must not be taken down';
    case 'stop':
      return step.along === true ? `the stop of ${step.name} would take it along` : 'its rules hold the module';
    case 'clear-rules':
      return step.tool === 'netfilter-persistent'
        ? 'its stop keeps every rule'
        : 'what the stop leaves holds the module';
    case 'prove-down':
      return 'a stop can end half-way and still say that it worked';
    case 'unload':
      return step.module === 'nf_conntrack' ? 'it takes its options at a load only' : 'it uses nf_conntrack';
    case 'load':
      return loadWhy(step.module, facts.rules?.listeners ?? []);
    case 'write-back':
      return 'a load resets every value, and a firewall may set some of its own';
    case 'start':
      return 'it was active before';
    case 'load-rules':
      return 'no start brings these rules back';
    case 'prove-rules':
      return 'what is missing is given back from the record';
    case 'start-along':
      return 'it was active before the stop took it along';
  }
}

function loadWhy(module: string, listeners: readonly string[]): string {
  if (module === 'nf_conntrack') return 'with the options that are in its file now';
  if (module !== 'nf_conntrack_netlink' || listeners.length === 0) return 'it was loaded before';
  const [verb, hear] = listeners.length === 1 ? ['listens', 'hears'] : ['listen', 'hear'];
  return `${listeners.join(', ')} ${verb} to conntrack events and ${hear} on afterwards`;
}
