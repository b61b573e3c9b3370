/** What Node has of WebAssembly, whose types come with a browser's. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface WebAssemblyApi {
  Memory: new (...args: never) => Memory;
  instantiate: (...args: unknown[]) => Promise<{ instance?: { exports: object }; exports?: object }>;
}

/**
 * Runs `load`, which starts a WebAssembly program, so that the program's memory never grows beyond `maxBytes`: it is told
 * that there is no more, as `malloc` tells. What a program may have at most is else fixed when it is built.
 */
export async function withBoundedMemory<T>(maxBytes: number, load: () => Promise<T>): Promise<T> {
  const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  const { instantiate } = api;
  api.instantiate = async (...args) => {
    const made = await instantiate(...args);
    const exports = made.instance?.exports ?? made.exports ?? {};
    for (const one of Object.values(exports)) if (one instanceof api.Memory) bound(one, maxBytes);
    return made;
  };
  try {
    return await load();
  } finally {
    api.instantiate = instantiate;
  }
}

const PAGE_BYTES = 65_536;

function bound(memory: Memory, maxBytes: number): void {
  const grow = memory.grow.bind(memory);
  memory.grow = (pages) => {
    if (memory.buffer.byteLength + pages * PAGE_BYTES > maxBytes) throw new RangeError(`more than ${maxBytes} bytes`);
    return grow(pages);
  };
}
