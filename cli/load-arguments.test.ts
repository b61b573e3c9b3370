import { describe, expect, it } from 'vitest';
import { UsageError } from './arguments.ts';
import { LOAD_HELP } from './help.ts';
import { LOAD_FLAGS, parseLoad } from './load-arguments.ts';

const HERE = '--url http://localhost:6333 --collection c --queries q.fvecs';
const parse = (line: string) => parseLoad(line.split(' ').filter(Boolean));

describe('arguments of load', () => {
  it('reads the least, with the defaults that help names', () => {
    expect(parse(`${HERE} --rate 100`)).toEqual({
      url: 'http://localhost:6333',
      collection: 'c',
      output: 'text',
      queries: 'q.fvecs',
      load: { arrivals: 'Poisson', rate: 100, maxInFlight: 1024 },
      durationSeconds: 20,
      warmupSeconds: 2,
      timeoutSeconds: 30,
      limit: 10,
      params: {},
      seed: 1,
      limits: { latency: [], maxErrorRate: 0.001 },
    });
    for (const { name, default: otherwise } of LOAD_FLAGS) {
      expect(LOAD_HELP).toContain(`--${name}`);
      if (otherwise !== undefined) expect(LOAD_HELP).toContain(`(default: ${otherwise})`);
    }
  });

  it('reads everything', () => {
    const open = parse(
      `${HERE}/ --ground-truth g.ivecs --arrivals Constant --rate 12.5 --duration 1m30s --warmup 500ms --limit 100 ` +
        '--param hnsw_ef=64 --param quantization.rescore=true --using image --seed 7 --max-in-flight 64 --timeout 5s ' +
        '--min-recall 0.95 --max-error-rate 0 --max-p95 20ms --max-p999 1s --server-pid 17 --api-key-file k --output json',
    );
    expect(open).toMatchObject({
      groundTruth: 'g.ivecs',
      load: { arrivals: 'Constant', rate: 12.5, maxInFlight: 64 },
      durationSeconds: 90,
      warmupSeconds: 0.5,
      timeoutSeconds: 5,
      limit: 100,
      params: { hnsw_ef: 64, quantization: { rescore: true } },
      using: 'image',
      seed: 7,
      limits: {
        minRecall: 0.95,
        maxErrorRate: 0,
        latency: [
          { percentile: 95, max: 20 },
          { percentile: 99.9, max: 1000 },
        ],
      },
      serverPid: 17,
      apiKeyFile: 'k',
      output: 'json',
    });
    expect(parse(`${HERE} --arrivals Closed --concurrency 8`)).toMatchObject({
      load: { arrivals: 'Closed', concurrency: 8 },
    });
    expect(parse('--help')).toBe('help');
  });

  it.each([
    ['--collection c --queries q --rate 1', '--url URL is missing'],
    ['--url http://h:1 --queries q --rate 1', '--collection NAME is missing'],
    [
      '--url http://h:1 --collection c --rate 1',
      'load: --queries is missing; give a file of query vectors, or of query bodies with --bodies',
    ],
    ['--url http://h:1 --collection c --queries q --bodies b --rate 1', '--bodies: --queries is given, too'],
    [HERE, '--rate N is missing'],
    [`${HERE} --arrivals Closed`, '--concurrency N is missing'],
    [`${HERE} --arrivals Closed --concurrency 8 --rate 5`, '--rate: a closed loop has no rate'],
    [`${HERE} --arrivals Closed --concurrency 8 --max-p95 5ms`, '--max-p95: counts from when a request was due'],
    [`${HERE} --arrivals Closed --concurrency 8 --max-in-flight 5`, '--max-in-flight: a closed loop keeps'],
    [`${HERE} --arrivals Closed --concurrency 9999`, '--concurrency: "9999" is not a whole number from 1 to 4096'],
    [`${HERE} --rate 5 --concurrency 8`, '--concurrency: Poisson requests come by --rate'],
    [`${HERE} --rate 0`, '--rate: "0" is not a number from 0.01 to 200000'],
    [`${HERE} --rate -5`, '--rate: "-5" is not a number'],
    [`${HERE} --rate 1e9`, '--rate: "1e9"'],
    [`${HERE} --rate ten`, '--rate: "ten" is not a number'],
    [`${HERE} --rate 5 --rate 6`, '--rate is given 2 times'],
    [`${HERE} --rate 10000 --duration 1h`, 'is 36020000 requests, at most are 20000000; shorten --duration'],
    [`${HERE} --rate 5 --arrivals poisson`, '"poisson" is none of Poisson, Constant, Closed; write it Poisson'],
    [`${HERE} --rate 5 --arrivals Uniform`, '--arrivals: "Uniform" is none of'],
    [`${HERE} --rate 5 --duration 20`, '--duration: "20" is not a duration'],
    [`${HERE} --rate 5 --duration 25h`, '--duration: "25h" is not a duration from 0.1s to 86400s'],
    [`${HERE} --rate 5 --limit 0`, '--limit: "0" is not a whole number from 1 to 1000'],
    [`${HERE} --rate 5 --limit 1.5`, '--limit: "1.5"'],
    [`${HERE} --rate 5 --param hnsw_ef`, '--param: "hnsw_ef" is not of the form'],
    [`${HERE} --rate 5 --min-recall 0.9`, 'counted against --ground-truth, which is missing'],
    [`${HERE} --rate 5 --ground-truth g --min-recall 95`, '--min-recall: "95" is not a number from 0 to 1'],
    [`${HERE} --rate 5 --output yaml`, '--output: "yaml" is none of text, json'],
    [`${HERE} --rate 5 --durration 3s`, 'unknown option --durration; did you mean --duration?'],
    [`${HERE} --rate 5 --zzzzzzzz 3`, 'see --help'],
    [`${HERE} --rate 5 extra`, 'unexpected argument "extra"'],
    [`${HERE} --rate 5 --using=`, '--using: is empty'],
    [`${HERE} --rate 5 --api-key secret`, '--api-key-file'],
    ['--url localhost:6333 --collection c --queries q --rate 1', '--url: "localhost:6333" is neither http nor https'],
    ['--url nonsense --collection c --queries q --rate 1', '--url: "nonsense" is not a URL'],
    ['--url http://h/path --collection c --queries q --rate 1', 'has a path'],
    ['--url http://u:secret@h --collection c --queries q --rate 1', 'holds a password'],
    ['--url http://h --collection a/b --queries q --rate 1', '--collection: "a/b" is no name of a collection'],
  ])('refuses %j: %s', (line, message) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow(message);
  });

  it('never repeats a password', () => {
    expect(() => parse('--url http://u:secret@h --collection c --queries q --rate 1')).not.toThrow('secret');
  });
});
