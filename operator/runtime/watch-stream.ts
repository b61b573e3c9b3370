import { KubeError, type KubeObject, type WatchEvent } from './kube.ts';

/** etcd holds 1.5 MiB an object; a line much longer than that is no watch event. */
const MAX_LINE = 16 * 2 ** 20;

/**
 * The events of a watch's body, one JSON object a line.
 * @throws {KubeError} of an ERROR event, with its code (410: the version is too old); `Malformed` for a line that is
 * none: it may have been an event, so that nothing after it can be trusted.
 */
export async function* watchEvents(body: AsyncIterable<Uint8Array>, subject: string): AsyncGenerator<WatchEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw new KubeError(0, 'Malformed', `${subject}: a line without end`);
    for (const line of lines) if (line.trim() !== '') yield parse(line, subject);
  }
  // A last line without its newline was cut off: the next watch brings it whole.
}

function parse(line: string, subject: string): WatchEvent {
  const malformed = (cause?: unknown) =>
    new KubeError(0, 'Malformed', `${subject}: not a watch event: ${line.slice(0, 200)}`, { cause });
  let event: {
    type?: unknown;
    object?: { metadata?: { name?: string; resourceVersion?: string } } & Record<string, unknown>;
  };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (error) {
    throw malformed(error);
  }
  const { type, object } = event;
  if (type === 'ERROR') {
    const { code, reason, message } = (object ?? {}) as { code?: number; reason?: string; message?: string };
    throw new KubeError(code ?? 0, reason ?? 'WatchError', `${subject}: ${message ?? 'the server ended the watch'}`);
  }
  const resourceVersion = object?.metadata?.resourceVersion;
  if (!object || !resourceVersion) throw malformed();
  if (type === 'BOOKMARK') return { type, resourceVersion };
  if ((type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') && object.metadata?.name) {
    return { type, object: object as unknown as KubeObject };
  }
  throw malformed();
}
