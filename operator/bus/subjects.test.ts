import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consumerName, inboxPrefix, messageId, peerSubject, subjectOf } from './subjects.ts';

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);

describe('names on the bus', () => {
  it('are one for each job', () => {
    const address = { namespace: 'team-a', job: 'qsw-1a2b-build-3' };
    expect(subjectOf('results', address)).toBe('qb.results.team-a.qsw-1a2b-build-3');
    expect(subjectOf('series', address)).toBe('qb.series.team-a.qsw-1a2b-build-3');
    expect(inboxPrefix(address)).toBe('_INBOX.team-a.qsw-1a2b-build-3');
    expect(peerSubject(address, 3)).toBe('qb.peers.team-a.qsw-1a2b-build-3.3');
    expect(peerSubject(address)).toBe('qb.peers.team-a.qsw-1a2b-build-3.*');
    expect(messageId(address, 'f0e1', 7)).toBe('qsw-1a2b-build-3.f0e1.7');
    fc.assert(
      fc.property(label, label, label, label, (a, b, c, d) => {
        const [one, other] = [
          { namespace: a, job: b },
          { namespace: c, job: d },
        ];
        const same = a === c && b === d;
        for (const name of [consumerName, inboxPrefix, (x: typeof one) => subjectOf('results', x)])
          expect(name(one) === name(other)).toBe(same);
        expect(subjectOf('results', one).split('.')).toHaveLength(4);
        // A consumer's name may hold neither dots nor blanks (ADR-6).
        expect(consumerName(one)).toMatch(/^[a-z0-9_-]{3,127}$/);
      }),
    );
  });

  it.each(['', 'a.b', '*', '>', 'a b', 'A', '-a', 'a-', 'a\n', 'a'.repeat(64), 'ä', '$js'])('refuse %j', (bad) => {
    for (const address of [
      { namespace: bad, job: 'j' },
      { namespace: 'n', job: bad },
    ]) {
      for (const name of [
        consumerName,
        inboxPrefix,
        () => subjectOf('series', address),
        () => peerSubject(address, 0),
        () => messageId(address, 'u', 1),
      ])
        expect(() => name(address)).toThrow(RangeError);
    }
  });

  it('refuse a UID that is none, and say what was expected', () => {
    expect(() => messageId({ namespace: 'n', job: 'j' }, 'a.b', 1)).toThrow(/pod UID "a\.b": expected/);
    expect(() => subjectOf('results', { namespace: 'n', job: 'a.*' })).toThrow(/job "a\.\*" is no DNS label/);
  });
});
