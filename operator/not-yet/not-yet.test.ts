import { describe, expect, it } from 'vitest';
import { EXPERIMENT } from '../../crds/experiment/experiment.ts';
import { PROMOTION } from '../../crds/promotion/promotion.ts';
import type { KubeObject } from '../runtime/kube.ts';
import type { Status, StatusRef } from '../runtime/status-writer.ts';
import { notYet } from './not-yet.ts';
import { kubeKind } from '../kinds.ts';
import { NotYetController } from './not-yet-controller.ts';

const KINDS = [EXPERIMENT, PROMOTION];
const early = new Date('2026-11-21T08:00:00Z');
const late = new Date('2026-11-21T09:00:00Z');

const resource = (kind: string, more: Partial<KubeObject> = {}): KubeObject => ({
  apiVersion: 'qdrantbench.io/v1alpha1',
  kind,
  metadata: { name: 'a', namespace: 'team', uid: 'u', generation: 2 },
  spec: {},
  ...more,
});

describe.each(KINDS)('a $kind', ({ kind, status: schema, plural }) => {
  it('is not accepted, and why is said in a status of its kind', () => {
    const status = notYet(resource(kind), early);
    expect(schema.safeParse(status).error?.issues ?? []).toEqual([]);
    expect(status).toMatchObject({ observedGeneration: 2, phase: 'Failed' });
    expect(status.conditions.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['Accepted', 'False', 'NotSupported'],
      ['Stalled', 'True', 'NotSupported'],
    ]);
    expect(status.conditions[0]?.message).toContain(kind);
  });

  it('keeps the times of what did not change', () => {
    const first = notYet(resource(kind), early);
    expect(notYet(resource(kind, { status: first }), late)).toEqual(first);
    const accepted = [{ ...first.conditions[0], status: 'True' }];
    const again = notYet(resource(kind, { status: { conditions: accepted } }), late);
    expect(again.conditions.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual(
      Array.from({ length: 2 }, () => late.toISOString()),
    );
  });

  it('has that status written, until it is gone', async () => {
    const written: [StatusRef, Status][] = [];
    const forgotten: string[] = [];
    let object: KubeObject | undefined = resource(kind);
    const controller = new NotYetController({
      kind: kubeKind({ kind, plural }),
      cached: (namespace, name) => (`${namespace}/${name}` === 'team/a' ? object : undefined),
      status: { write: (ref, status) => written.push([ref, status]), forget: ({ uid }) => forgotten.push(uid) },
      now: () => early,
    });
    await controller.reconcile('team/a');
    await controller.reconcile('team/b');
    expect(written).toEqual([
      [
        { apiVersion: 'qdrantbench.io/v1alpha1', kind, plural, namespace: 'team', name: 'a', uid: 'u' },
        notYet(resource(kind), early),
      ],
    ]);
    object = resource(kind, { metadata: { name: 'a', uid: 'u', deletionTimestamp: late.toISOString() } });
    await controller.reconcile('team/a');
    object = undefined;
    await controller.reconcile('team/a');
    expect([written.length, forgotten]).toEqual([1, ['u']]);
  });
});
