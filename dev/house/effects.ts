/** Packages that reach out of the process, and the files of the operator that may use them. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  undici: [
    'operator/runtime/connection.ts',
    'operator/runtime/kube-client.ts',
    'operator/runtime/response.ts',
    'operator/targets/collections.ts',
  ],
  '@kubernetes/client-node': ['operator/runtime/connection.ts', 'operator/runtime/kube-client.ts'],
  pg: ['operator/runs/open-store.ts'],
  nats: ['operator/bus/nats-bus.ts', 'operator/bus/nats-link.ts', 'operator/bus/pull.ts', 'operator/bus/streams.ts'],
  '@qdrant/js-client-rest': ['operator/targets/collections.ts'],
  'node:http': ['operator/http/server.ts'],
  'node:https': ['operator/runtime/connection.ts'],
};

/** Behind the doors: what writes, and what each such call has to stand in. */
export const WRITES: Readonly<Record<string, { calls: readonly string[]; within: string }>> = {
  'operator/bus/nats-bus.ts': {
    calls: [
      'streams.add',
      'streams.update',
      'streams.delete',
      'streams.purge',
      'consumers.add',
      'consumers.update',
      'consumers.delete',
      'publish',
      'request',
    ],
    within: 'perform',
  },
  'operator/bus/pull.ts': { calls: ['publish', 'respond', 'ack', 'nak', 'term'], within: 'perform' },
  'operator/targets/collections.ts': {
    calls: ['createCollection', 'deleteCollection', 'updateCollection', 'upsert', 'delete'],
    within: 'perform',
  },
  'operator/runs/postgres-run-store.ts': {
    calls: ['insertInto', 'updateTable', 'deleteFrom', 'mergeInto', 'transaction', 'registerTerm'],
    within: '#write',
  },
};

/** The packages a file imports that it may not. */
export function forbiddenImports(file: string, source: string): string[] {
  const imported = [
    ...source.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm),
  ];
  return imported
    .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
    .filter((name) => DOORS[name] !== undefined && !DOORS[name].includes(file));
}

/** The calls of `calls` (`name`, or `receiver.name`) that do not stand within a call of `within`: `line: call`. */
export function callsOutside(source: string, calls: readonly string[], within: string): string[] {
  const code = withoutTexts(source);
  const found: string[] = [];
  const around: string[] = [];
  for (let at = 0; at < code.length; at += 1) {
    if (code[at] === ')') around.pop();
    if (code[at] !== '(') continue;
    const before = code.slice(Math.max(0, at - 200), at);
    const [, receiver = '', dot = '', name = ''] = /([\w$]*)\s*(\.?)\s*(#?[\w$]*)\s*(?:<[^()]*>)?$/.exec(before) ?? [];
    const written = calls.includes(name) || calls.includes(`${receiver}.${name}`);
    if (dot === '.' && written && !around.includes(within)) {
      found.push(`${code.slice(0, at).split('\n').length}: ${name}`);
    }
    around.push(name);
  }
  return found;
}

/** The source with comments and the contents of texts blanked; what `${…}` holds goes with its text. */
function withoutTexts(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`/g, (text) =>
    text.replace(/[^\n]/g, ' '),
  );
}
