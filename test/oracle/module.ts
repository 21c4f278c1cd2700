// A kernel module without code: enough for depmod to list it and for modprobe to say how it would load it.

/** An ELF64 relocatable file with nothing but a .modinfo section, see elf(5). */
export function emptyModule(name: string): Buffer {
  const modinfo = Buffer.from(`name=${name}\0`);
  const names = Buffer.from('\0.modinfo\0.shstrtab\0');
  const [first, second] = [64, 64 + modinfo.length];
  const head = Buffer.alloc(64);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(1, 16); // ET_REL
  head.writeUInt16LE(62, 18); // EM_X86_64
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(second + names.length), 40);
  for (const [value, at] of [64, 0, 0, 64, 3, 2].map((value, index) => [value, 52 + 2 * index] as const))
    head.writeUInt16LE(value, at);
  const sections = [section(0, 0, 0, 0), section(1, 1, first, modinfo.length), section(10, 3, second, names.length)];
  return Buffer.concat([head, modinfo, names, ...sections]);
}

function section(name: number, type: number, offset: number, size: number): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32LE(name, 0);
  header.writeUInt32LE(type, 4);
  header.writeBigUInt64LE(BigInt(offset), 24);
  header.writeBigUInt64LE(BigInt(size), 32);
  header.writeBigUInt64LE(1n, 48);
  return header;
}
