import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Progress } from './progress.ts';
import { messageSchema, type Message } from './protocol.ts';
import { lineWriter } from './publish.ts';

describe('Progress', () => {
  it("speaks at most five times a second, but always at a phase's beginning and end", async () => {
    const said: Message[] = [];
    let now = 0;
    const progress = new Progress(
      async (message) => void said.push(messageSchema.parse(message)),
      () => now,
    );
    for (now = 0; now <= 1000; now += 10) progress.say('Uploading', now, 1000);
    progress.say('Indexing', 0, 10, 'x'.repeat(300), false);
    progress.say('Indexing', 5, 10);
    await progress.flush();
    const uploading = said.filter((message) => message.type === 'progress' && message.phase === 'Uploading');
    expect(uploading.length).toBe(6);
    expect(uploading[0]).toEqual({ type: 'progress', phase: 'Uploading', done: 0, total: 1000 });
    expect(uploading.at(-1)).toMatchObject({ done: 1000, rate: 1000 });
    expect(said.at(-1)).toMatchObject({ phase: 'Indexing', done: 0, detail: 'x'.repeat(256) });
    expect(said.at(-1)).not.toHaveProperty('rate');
  });

  it('gives a rate it is told', async () => {
    const said: Message[] = [];
    const progress = new Progress(async (message) => void said.push(message));
    progress.say('Loading', 1, 2, undefined, 7);
    await progress.flush();
    expect(said[0]).toMatchObject({ rate: 7 });
  });
});

describe('lineWriter', () => {
  it('writes messages as lines, in order, waiting for a slow reader', async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const publish = lineWriter(stream);
    let handed = 0;
    const all = [1, 2, 3].map((done) =>
      publish({ type: 'progress', phase: 'Recall', done, total: 3 }).then(() => (handed += 1)),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(handed).toBe(0);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await Promise.all(all);
    const lines = Buffer.concat(chunks).toString().trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { done: number }).done)).toEqual([1, 2, 3]);
  });
});
