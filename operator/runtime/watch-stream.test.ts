import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WatchEvent } from './kube.ts';
import { watchEvents } from './watch-stream.ts';

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part;
}
async function read(...parts: (string | Uint8Array)[]): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const event of watchEvents(chunks(...parts), 'watch things')) events.push(event);
  return events;
}
const line = (name: string, version = '1', type = 'ADDED') =>
  `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: version } } })}\n`;

describe('the stream of a watch', () => {
  it('is one event a line, wherever the network cuts it', async () => {
    const text = Buffer.from(line('grün', '1') + line('b', '2', 'MODIFIED') + line('c', '3', 'DELETED'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(text.length), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const parts = at.slice(1).map((end, index) => text.subarray(at[index], end));
        const events = await read(...parts);
        expect(events.map((event) => [event.type, 'object' in event && event.object.metadata.name])).toEqual([
          ['ADDED', 'grün'],
          ['MODIFIED', 'b'],
          ['DELETED', 'c'],
        ]);
      }),
    );
  });

  it('has bookmarks, and ignores a last line that was cut off', async () => {
    const bookmark = JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } });
    expect(await read(`${bookmark}\n\n`, line('a').slice(0, 20))).toEqual([{ type: 'BOOKMARK', resourceVersion: '9' }]);
  });

  it.each<[string, string, object]>([
    ['no JSON', 'nonsense', { reason: 'Malformed' }],
    ['no object', '{"type":"ADDED"}', { reason: 'Malformed' }],
    ['no version', '{"type":"ADDED","object":{"metadata":{"name":"a"}}}', { reason: 'Malformed' }],
    ['no name', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}', { reason: 'Malformed' }],
    ['an unknown type', line('a', '1', 'RENAMED').trim(), { reason: 'Malformed' }],
    [
      'too old',
      '{"type":"ERROR","object":{"code":410,"reason":"Expired","message":"too old resource version: 1 (9)"}}',
      { status: 410, reason: 'Expired' },
    ],
    ['an error without a word', '{"type":"ERROR"}', { status: 0, reason: 'WatchError' }],
  ])('ends with an error: %s', async (_name, text, error) => {
    await expect(read(line('before'), `${text}\n`, line('after'))).rejects.toMatchObject({
      name: 'KubeError',
      ...error,
    });
  });

  it('ends with an error when a line has no end', async () => {
    const much = Buffer.alloc(9 * 2 ** 20, 'x');
    await expect(read(much, much)).rejects.toMatchObject({ reason: 'Malformed' });
  });
});
