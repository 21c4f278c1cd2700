/**
 * The port: everything ctfix can see of a host (ReadHost) and everything it can do to one (Host).
 * Types only. A reviewer who wants the list of all possible mutations reads the Host interface and HostCommand.
 */
import type { HostCommand } from '../model.ts';

type FileKind = 'file' | 'dir' | 'link' | 'other';

/** What lstat(2) says, as far as ctfix needs it. */
export type FileStat = {
  readonly kind: FileKind;
  /** permission bits only, 0o7777 */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: number;
  readonly links: number;
  readonly size: number;
};

/** How a command ended. `code` is 127 when the program does not exist, 124 when it ran into its limit. */
export type RunResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  /** text for standard input */
  readonly input?: string;
  /** limit in milliseconds, 30,000 unless told; 0 is no limit */
  readonly timeoutMs?: number;
  /** what the program prints goes where ctfix itself prints, as it comes; the result has none of it then */
  readonly inherit?: boolean;
  /** ends the program when it is given (SIGTERM) */
  readonly cancel?: AbortSignal;
};

/**
 * Read-only sight of a host. Nothing here may change anything, load a module included: no `conntrack -L`, no
 * `iptables-legacy -t nat`, which load modules just by looking.
 */
export interface ReadHost {
  /** `live`: this machine. `sysroot`: a directory tree (--root), no kernel behind it. `recorded`: a recorded host. */
  readonly kind: 'live' | 'sysroot' | 'recorded';
  /** True when the process may change the machine (effective uid 0). */
  readonly root: boolean;
  /**
   * The text of a file; undefined when there is no such file (ENOENT, ENOTDIR, dangling link).
   * `/dev/kmsg` gives the records that are there now, without waiting for more.
   * @throws HostError when the file exists and cannot be read as text: no permission, not a regular file (a fifo never
   *   blocks), larger than 1 MiB (16 MiB for /dev/kmsg), not UTF-8 or with NUL bytes
   */
  readFile(path: string): Promise<string | undefined>;
  /** Names in a directory, sorted by code unit; [] when there is no such directory. @throws HostError no permission */
  readDir(path: string): Promise<readonly string[]>;
  /** Where a link points, as written in it; undefined when it is no link or does not exist. */
  readLink(path: string): Promise<string | undefined>;
  /** lstat; undefined when there is nothing. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Runs a program that only reads, without a shell, with a clean environment. Never throws for a failing program. */
  run(argv: readonly [string, ...string[]], options?: RunOptions): Promise<RunResult>;
  /**
   * What a program prints, as it comes; absent where no kernel is behind the files. Never fails for a program that does:
   * a program that is not there prints nothing.
   * The one look that may load a module, and only when conntrack lists the table: nf_conntrack_netlink.
   */
  stream?(argv: readonly [string, ...string[]]): ByteStream;
}

/** `ended`: how the program ended, without its standard output; it waits until all of that has been taken. */
export type ByteStream = { readonly bytes: AsyncIterable<Uint8Array>; readonly ended: Promise<RunResult> };

/** A host that can be changed. Every mutation ctfix can make is one of these four methods. */
export interface Host extends ReadHost {
  /**
   * Replaces or creates a file atomically and durably (temporary file in the same directory, fsync, rename, fsync of
   * the directory); `undefined` removes it. An existing file keeps owner, mode, extended attributes and label; a new
   * one gets `mode` and the owner root. Follows a final link only when link and target belong to root. A missing parent
   * directory is made (0755); `undefined` also removes an empty directory, so that such a one can be taken back.
   * @throws HostError and nothing is changed or half-written; ENOTEMPTY for a directory that is not empty
   */
  replaceFile(path: string, file: { readonly text: string; readonly mode: number } | undefined): Promise<void>;
  /**
   * Makes a symbolic link atomically and durably, in the place of another link or of nothing; `undefined` removes it.
   * A missing parent directory is made (0755).
   * @throws HostError and nothing is changed; NOT_A_LINK where something else has that name
   */
  replaceLink(path: string, target: string | undefined): Promise<void>;
  /** Writes a kernel value in place: a path under /proc/sys or /sys. The caller reads back. @throws HostError with errno */
  writeValue(path: string, value: string): Promise<void>;
  /** Runs one of the closed list of commands that change the machine. The caller believes the kernel, not the code. */
  perform(command: HostCommand, options?: RunOptions): Promise<RunResult>;
}
