import { beforeEach, describe, expect, it } from 'vitest';
import { stage, type Stage } from '../testing/stage.ts';
import { SweepStopped } from './ports.ts';
import { isFinal } from './stopped.ts';

const set = stage();
let { at, world, name } = {} as Stage;
beforeEach(() => ({ at, world, name } = set()));

const SECRETS = { QDRANT_BENCH_HEADERS_BASE: { secretKeyRef: { name: 'data', key: 'headers' } } };

describe('a dataset that needs a Secret', () => {
  it('waits for one that may be used, spends nothing until then, and needs no edit to go on', async () => {
    at.put(name);
    let mended = false;
    at.restart({
      worldOf: () =>
        Promise.resolve({
          ...world.make(),
          datasetSecrets: () =>
            mended
              ? Promise.resolve(SECRETS)
              : Promise.reject(
                  new SweepStopped('InvalidSpec', 'spec.dataset: Secret team/data does not exist', { mendable: true }),
                ),
        }),
    });
    await at.reconcile(name);
    const accepted = async () => {
      await at.status.flush();
      return at.condition(name, 'Accepted');
    };
    await expect.poll(accepted, { timeout: 20_000 }).toMatchObject({
      status: 'False',
      reason: 'InvalidSpec',
      message: 'spec.dataset: Secret team/data does not exist',
    });
    expect(at.condition(name, 'Stalled')).toBeUndefined();
    expect(at.condition(name, 'Failed')).toBeUndefined();
    expect(world.happened.filter((line) => line.startsWith('run '))).toEqual([]);
    mended = true;
    await at.until(name, 'Completed');
    expect(world.secrets).toContain(SECRETS);
  });

  it('is not asked for it when the sweep is deleted', async () => {
    world.hang('Measure');
    at.put(name);
    await at.reconcile(name);
    await at.happened('run Measure');
    at.restart({
      worldOf: () =>
        Promise.resolve({ ...world.make(), datasetSecrets: () => Promise.reject(new Error('asked when deleted')) }),
    });
    await at.remove(name);
    await at.reconcile(name);
    expect(at.look(name)).toBeUndefined();
  });
});

describe('what stops a sweep', () => {
  it.each<[SweepStopped, boolean]>([
    [new SweepStopped('InvalidSpec', 'x'), true],
    [new SweepStopped('InvalidSpec', 'x', { mendable: true }), false],
    [new SweepStopped('DatasetInvalid', 'x'), true],
    [new SweepStopped('DatasetUnreachable', 'x'), false],
    [new SweepStopped('TargetUnreachable', 'x'), false],
    [new SweepStopped('HistoryLost', 'x'), false],
    [new SweepStopped('Internal', 'x'), true],
  ])('%j is for good: %s', (error, final) => expect(isFinal(error)).toBe(final));
});
