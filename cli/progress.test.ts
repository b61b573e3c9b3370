import { describe, expect, it } from 'vitest';
import { eventText, Progress, progressText } from './progress.ts';

function sink(isTerminal: boolean) {
  const written: string[] = [];
  let now = 0;
  return {
    written,
    advance: (ms: number) => (now += ms),
    sink: { write: (text: string) => void written.push(text), isTerminal, columns: 60, now: () => now },
  };
}

const uploading = { type: 'progress', phase: 'Uploading', done: 31_000, total: 50_000, rate: 15_000 } as const;

describe('progress', () => {
  it('tells how much of how much, how fast and how long still', () => {
    expect(progressText(uploading)).toBe('uploading 31000/50000 (62 %), 15000/s, 1.3 s left');
    expect(progressText({ type: 'progress', phase: 'Indexing', done: 0, total: 0 })).toBe('waiting for the index');
    expect(
      progressText({ type: 'progress', phase: 'Loading', done: 1, total: 1, rate: 2.5, detail: 'hnsw_ef=64' }),
    ).toBe('measuring under load 1/1 (100 %), 2.5/s, hnsw_ef=64');
  });

  it('overwrites one line on a terminal, cut to its width, and never leaves it behind', () => {
    const { written, sink: terminal } = sink(true);
    const progress = new Progress(terminal);
    progress.estimate('1970-01-01T00:02:00.000Z');
    progress.handle({ type: 'progress', progress: uploading });
    expect(written[0]?.startsWith('\r\x1b[K')).toBe(true);
    expect((written[0] as string).length).toBeLessThanOrEqual(59 + 5);
    progress.handle({ type: 'phase', message: 'next' });
    expect(written[1]).toBe('\r\x1b[K');
    expect(written[2]).toMatch(/next\n$/);
    progress.end();
    expect(written).toHaveLength(3);
  });

  it('writes a line now and then where there is no terminal', () => {
    const { written, sink: pipe, advance } = sink(false);
    const progress = new Progress(pipe);
    progress.estimate('1970-01-01T00:02:00.000Z');
    for (let i = 0; i < 100; i += 1) {
      advance(200);
      progress.handle({ type: 'progress', progress: uploading });
    }
    expect(written).toHaveLength(4);
    expect(written[0]).toMatch(/uploading.*about 1 min 55 s to the end\n$/);
  });

  it('gives each build, loaded search, failure and final a lasting line, and recall rows none', () => {
    const search = {
      id: 'i',
      run: 'r',
      attempt: 1,
      build: {},
      search: { 'params.hnsw_ef': 64 },
      repeat: 0,
      stage: 'Load' as const,
      metrics: [{ name: 'throughput' as const, value: 812.4 }],
      verdict: 'Passed' as const,
      reason: 'ConstraintsMet' as const,
      message: 'recall 0.96 ≥ 0.95',
      seconds: 1,
      finishedAt: '',
    };
    expect(eventText({ type: 'search', search })).toContain('hnsw_ef=64: 812/s, Passed: recall 0.96 ≥ 0.95');
    expect(eventText({ type: 'search', search: { ...search, stage: 'Recall' } })).toBeUndefined();
    expect(eventText({ type: 'search', search: { ...search, search: {}, metrics: [] } })).toContain(
      "Qdrant's default search: Passed",
    );
    expect(eventText({ type: 'search', search: { ...search, stage: 'Final', repeat: 2 } })).toContain('final 2');
    expect(
      eventText({ type: 'run', role: 'Baseline', run: 'r', build: {}, number: 1, of: 4, attempt: 2, why: '' }),
    ).toBe("build 1/4  baseline: Qdrant's defaults  (attempt 2)");
    expect(
      eventText({
        type: 'run',
        role: 'Trial',
        run: 'r',
        build: { 'hnsw_config.m': 32 },
        number: 2,
        of: 4,
        attempt: 1,
        why: 'because',
      }),
    ).toContain('because');
    expect(eventText({ type: 'attemptFailed', run: 'r', attempt: 1, message: 'gone' })).toContain('gone');
    expect(eventText({ type: 'finals', arms: 2, repeats: 3 })).toContain('2 configurations, 3 repeats');
    expect(eventText({ type: 'progress', progress: uploading })).toBeUndefined();
  });
});
