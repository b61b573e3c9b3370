import { describe, expect, it } from 'vitest';
import { clientLimit, type ClientFacts } from './validity.ts';

/** A slow server as the load generator sees it: it naps while answers take their time. */
const slowServer: ClientFacts = {
  breached: true,
  wallSeconds: 1,
  idleShare: 0.9,
  waitedShare: 0.01,
  loopP99: 0.1,
  loopMax: 3,
  ownLateness: () => 0.05,
  service: () => 40,
  unloadedService: 5,
  cappedShare: 0.8,
  latency: [],
};

describe('clientLimit', () => {
  it.each<[string, Partial<ClientFacts>]>([
    ['a slow server', {}],
    ['a slow server behind the cap, without knowledge of its idle speed', { unloadedService: undefined }],
    ['a window met, with a thread quite busy', { breached: false, idleShare: 0.12 }],
    ['a window met, with own lateness', { breached: false, ownLateness: () => 30 }],
    [
      "lateness of the clock's grain against a strict limit",
      { latency: [{ percentile: 95, max: 2 }], ownLateness: () => 0.9 },
    ],
    ['some waiting for a shared core', { waitedShare: 0.3, idleShare: 0.5 }],
    ['no account of waiting', { waitedShare: undefined }],
  ])('does not blame the load generator for %s', (_, facts) => {
    expect(clientLimit({ ...slowServer, ...facts })).toBeUndefined();
  });

  it.each<[string, Partial<ClientFacts>, RegExp]>([
    ['a busy thread', { idleShare: 0.1 }, /busy or without a CPU for 90 %/],
    ['an exhausted thread, even when the window was met', { breached: false, idleShare: 0.05 }, /95 %/],
    ['starvation', { waitedShare: 0.4 }, /had no CPU for 40 %/],
    ['much starvation, even when the window was met', { breached: false, waitedShare: 0.6 }, /60 %/],
    [
      'own lateness against a limit',
      { breached: false, latency: [{ percentile: 95, max: 20 }], ownLateness: () => 3 },
      /3\.00 ms late at p95, over a tenth of the limit of 20 ms/,
    ],
    [
      'own lateness beyond what the server takes',
      { ownLateness: () => 60 },
      /60 ms late at p99, while the server took 40 ms/,
    ],
    ['its own cap', { service: () => 5.5 }, /80 % of requests waited for one of the load generator's slots/],
  ])('finds %s', (_, facts, message) => {
    expect(clientLimit({ ...slowServer, ...facts })).toMatch(message);
  });
});
