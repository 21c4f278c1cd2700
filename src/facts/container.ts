/** Whether this is a container, and of which kind, from the traces that runtimes leave. Pure. */

/** What was seen; absent means that there was no such file or that it could not be read. */
export type Traces = {
  /** /run/systemd/container, written by systemd for the runtime's $container */
  readonly systemd?: string | undefined;
  /** /proc/1/cgroup */
  readonly cgroup?: string | undefined;
  readonly dockerenv: boolean;
  readonly containerenv: boolean;
  /** /proc/self/ns/pid: `pid:[4026531836]` is the initial namespace (PROC_PID_INIT_INO in linux/proc_ns.h) */
  readonly pidNamespace?: string | undefined;
  /** type of the file system at / */
  readonly rootType?: string | undefined;
};

/** Names that runtimes give the cgroup of PID 1; docker.service on a host is none of them. */
const CGROUPS = [
  { kind: 'kubernetes', path: /\/kubepods/ },
  { kind: 'docker', path: /\/docker(\/|-)[0-9a-f]{4}/ },
  { kind: 'podman', path: /\/libpod-/ },
  { kind: 'lxc', path: /\/lxc(\/|\.payload)/ },
  { kind: 'systemd-nspawn', path: /\/machine\.slice\/systemd-nspawn/ },
];

/**
 * The kind of container, undefined on a real host or VM. A bare /.dockerenv does not count on a machine that was
 * started from a container image: processes of the initial namespace on a root that is no overlay.
 * Source: container detection in systemd's src/basic/virt.c.
 */
export function containerKind(traces: Traces): string | undefined {
  const told = traces.systemd?.trim();
  if (told !== undefined && told !== '') return told;
  const group = CGROUPS.find(({ path }) => path.test(traces.cgroup ?? ''));
  if (group !== undefined) return group.kind;
  const host =
    traces.pidNamespace === 'pid:[4026531836]' && !/^(overlay|aufs|fuse\.|zfs)/.test(traces.rootType ?? 'overlay');
  if (host) return undefined;
  return traces.dockerenv ? 'docker' : traces.containerenv ? 'podman' : undefined;
}
