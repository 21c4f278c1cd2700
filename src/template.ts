/** Strict templates for the files that ctfix writes: every name is used, every name is known. Pure. */

/** Texts of the files in templates/, read by the composition root. */
export type Templates = {
  /** templates/nf_conntrack.conf: {{hashsize}} */
  readonly modprobe: string;
  /** templates/90-ctfix-conntrack.conf: {{lines}} */
  readonly sysctl: string;
  /** templates/90-ctfix-conntrack.rules: {{sysctl}} */
  readonly udev: string;
  /** templates/90-ctfix-install.conf: {{apply}} */
  readonly install: string;
};

/**
 * Puts values in the place of `{{name}}`; a value is taken as it is, braces and dollars included.
 * @throws Error when the template needs a name that is not given, or ignores one that is: a bug of ours, never input
 */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  const used = new Set<string>();
  const text = template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new Error(`the template needs {{${name}}}, which is not given`);
    used.add(name);
    return value;
  });
  const spare = Object.keys(values).filter((name) => !used.has(name));
  if (spare.length > 0) throw new Error(`the template ignores ${spare.join(', ')}`);
  return text;
}
