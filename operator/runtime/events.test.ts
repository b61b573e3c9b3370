import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { EventRecorder, type Regarding } from './events.ts';
import type { KubeObject } from './kube.ts';
import { microTime } from './micro-time.ts';
import { noMetrics } from './runtime-metrics.ts';
import { FakeClock } from './testing/fake-clock.ts';

const thing: Regarding = { apiVersion: 'x/v1', kind: 'Thing', metadata: { name: 'a', uid: 'u' } };
const began = { type: 'Normal', reason: 'RunStarted', note: 'a run began' } as const;

function recorder(create: (object: KubeObject) => Promise<KubeObject> = (object) => Promise.resolve(object)) {
  const clock = new FakeClock();
  const made: KubeObject[] = [];
  const counts: unknown[] = [];
  let lost = 0;
  const events = new EventRecorder({
    log: pino({ level: 'silent' }),
    clock,
    controller: 'c',
    instance: 'i',
    metrics: { ...noMetrics, eventLost: () => void (lost += 1) },
    kube: {
      create: (object) => {
        made.push(object);
        return create(object);
      },
      mergePatch: (_ref, patch) => {
        counts.push((patch as { series: { count: number } }).series.count);
        return Promise.resolve(patch as KubeObject);
      },
    },
  });
  return { events, clock, made, counts, lost: () => lost };
}

describe('events', () => {
  it('are counted when they come again within minutes, written seldom, and begin anew later', async () => {
    const { events, clock, made, counts } = recorder();
    for (let second = 0; second < 65; second += 1) {
      events.record(thing, began);
      await clock.advance(1000);
    }
    await events.flush();
    await events.flush();
    expect(made).toHaveLength(1);
    expect(counts).toEqual([31, 61, 65]);
    await clock.advance(6 * 60_000);
    events.record(thing, began);
    await events.flush();
    expect(made).toHaveLength(2);
    expect(made[0]?.metadata).toMatchObject({ namespace: 'default' });
    expect(made[1]?.metadata.name).not.toBe(made[0]?.metadata.name);
  });

  it('never throw: what cannot be written is lost, and so is what comes while too many wait', async () => {
    const refusing = recorder(() => Promise.reject(new Error('forbidden')));
    refusing.events.record(thing, began);
    await refusing.events.flush();
    expect(refusing.lost()).toBe(1);
    const { promise, resolve } = Promise.withResolvers<KubeObject>();
    const slow = recorder(() => promise);
    for (let number = 0; number < 130; number += 1) slow.events.record(thing, { ...began, note: String(number) });
    expect(slow.lost()).toBe(30);
    resolve({} as KubeObject);
    await slow.events.flush();
    expect(slow.made).toHaveLength(100);
  });

  it('remember no more than some hundred', async () => {
    const { events, made } = recorder();
    for (let number = 0; number < 700; number += 1) {
      events.record(thing, { ...began, note: String(number) });
      await events.flush();
    }
    events.record(thing, { ...began, note: '0' });
    events.record(thing, { ...began, note: '699' });
    await events.flush();
    expect(made).toHaveLength(701);
  });

  it('have notes that fit, cut between characters', async () => {
    const { events, made } = recorder();
    for (const note of ['ä'.repeat(600), 'x'.repeat(1024), '😀'.repeat(300)]) events.record(thing, { ...began, note });
    await events.flush();
    for (const { note } of made as unknown as { note: string }[]) {
      expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
      expect(Buffer.byteLength(note)).toBeGreaterThan(1015);
      expect(note).not.toContain('\uFFFD');
    }
  });
});

describe('a MicroTime', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [1_795_268_645_123, '2026-11-21T13:44:05.123000Z'],
    [1_795_268_645_123.5, '2026-11-21T13:44:05.123500Z'],
    [999.9999, '1970-01-01T00:00:00.999999Z'],
  ])('%d is %s', (ms, text) => expect(microTime(ms)).toBe(text));
});
