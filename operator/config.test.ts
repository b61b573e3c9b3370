import { describe, expect, it } from 'vitest';
import { ConfigError, leaseSettings, readConfig } from './config.ts';
import { LEASE_DEFAULTS } from './runtime/lease.ts';

const ENV = {
  QDRANT_BENCH_NAMESPACE: 'qdrant-bench',
  QDRANT_BENCH_DATABASE_URL: 'postgres://bench:s3cret@postgres/runs',
  QDRANT_BENCH_NATS_URL: 'nats://nats:4222',
  QDRANT_BENCH_NATS_SECRET: 'qdrant-bench-nats',
  QDRANT_BENCH_LOADGEN_IMAGE: 'qdrant-bench:1',
};
const refusal = (env: NodeJS.ProcessEnv): string => {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return 'not refused';
};

describe('the environment of the operator', () => {
  it('needs five variables; the rest has defaults', () => {
    expect(readConfig(ENV)).toEqual({
      ...ENV,
      POD_NAME: 'qdrant-bench',
      QDRANT_BENCH_WATCH_NAMESPACES: [],
      QDRANT_BENCH_QDRANT_IMAGE: 'qdrant/qdrant:v{version}',
      QDRANT_BENCH_QDRANT_VERSION: '1.19.0',
      QDRANT_BENCH_IMAGE_PULL_POLICY: 'IfNotPresent',
      QDRANT_BENCH_LOADGEN_RESOURCES: {
        requests: { cpu: '1', memory: '1Gi' },
        limits: { cpu: '1', memory: '1Gi' },
      },
      QDRANT_BENCH_DATASET_STORAGE: '10Gi',
      QDRANT_BENCH_JOB_DEADLINE_SECONDS: 86_400,
      QDRANT_BENCH_MAX_SWEEPS: 16,
      QDRANT_BENCH_MAX_SWEEPS_PER_NAMESPACE: 4,
      QDRANT_BENCH_ADDRESSES_ALLOW: [],
      QDRANT_BENCH_ADDRESSES_DENY: [],
      QDRANT_BENCH_LEASE_NAME: 'qdrant-bench',
      QDRANT_BENCH_LEASE_DURATION_SECONDS: 15,
      QDRANT_BENCH_LEASE_RENEW_SECONDS: 10,
      QDRANT_BENCH_LEASE_RETRY_SECONDS: 2,
      QDRANT_BENCH_KUBE_QPS: 50,
      QDRANT_BENCH_KUBE_BURST: 100,
      QDRANT_BENCH_RECONCILE_TIMEOUT_SECONDS: 600,
      QDRANT_BENCH_HTTP_PORT: 8080,
      QDRANT_BENCH_LOG_LEVEL: 'info',
    });
    expect(leaseSettings(readConfig(ENV))).toEqual(LEASE_DEFAULTS);
  });

  it.each<[string, string, string, unknown]>([
    ['a list of namespaces', 'QDRANT_BENCH_WATCH_NAMESPACES', ' team-a, team-b,', ['team-a', 'team-b']],
    ['addresses', 'QDRANT_BENCH_ADDRESSES_ALLOW', '10.0.0.0/8, data.example', ['10.0.0.0/8', 'data.example']],
    ['a port', 'QDRANT_BENCH_HTTP_PORT', '9090', 9090],
    ['seconds', 'QDRANT_BENCH_JOB_DEADLINE_SECONDS', '60', 60],
    ['resources', 'QDRANT_BENCH_LOADGEN_RESOURCES', '{"limits":{"cpu":"2"}}', { requests: {}, limits: { cpu: '2' } }],
    ['NATS over TLS', 'QDRANT_BENCH_NATS_URL', 'tls://nats:4222', 'tls://nats:4222'],
  ])('%s is read from text', (_what, name, text, value) => {
    expect(readConfig({ ...ENV, [name]: text })).toHaveProperty(name, value);
  });

  it.each(Object.keys(ENV))('without %s is refused, and says so', (name) => {
    const { [name as keyof typeof ENV]: _, ...rest } = ENV;
    expect(refusal(rest)).toBe(`the environment is not complete; the Helm chart sets it:\n  ${name}: is not set`);
  });

  it.each([
    ['QDRANT_BENCH_NAMESPACE', 'Not_A_Label', 'expected a DNS label'],
    ['QDRANT_BENCH_WATCH_NAMESPACES', 'team,Team', 'expected a DNS label'],
    ['QDRANT_BENCH_NATS_URL', 'nats://user:pass@nats', 'expected nats://host:port'],
    ['QDRANT_BENCH_QDRANT_VERSION', 'v1.19', 'expected a version such as 1.19.0'],
    ['QDRANT_BENCH_IMAGE_PULL_POLICY', 'Sometimes', 'Always'],
    ['QDRANT_BENCH_LOADGEN_RESOURCES', '{not json', 'expected JSON'],
    ['QDRANT_BENCH_LOADGEN_RESOURCES', '{"claims":[]}', 'claims'],
    ['QDRANT_BENCH_JOB_DEADLINE_SECONDS', '59', '60'],
    ['QDRANT_BENCH_ADDRESSES_ALLOW', '10.0.0.0/8,*.example', '"*.example" is neither a range nor a host name'],
    ['QDRANT_BENCH_ADDRESSES_DENY', 'data.example', '"data.example" is no range'],
    ['QDRANT_BENCH_HTTP_PORT', 'http', 'number'],
    ['QDRANT_BENCH_LOG_LEVEL', 'loud', 'debug'],
    ['QDRANT_BENCH_LEASE_NAME', 'My_Lease', 'expected the name of a Lease'],
    ['QDRANT_BENCH_LEASE_DURATION_SECONDS', '0', '1'],
    ['QDRANT_BENCH_LEASE_RENEW_SECONDS', '15', 'two could lead at once'],
    ['QDRANT_BENCH_KUBE_QPS', '0', '1'],
  ])('%s %s is refused by name, and told what was expected', (name, value, expected) => {
    const message = refusal({ ...ENV, [name]: value });
    expect(message).toContain(`\n  ${name}: `);
    expect(message).toContain(expected);
    expect(message.match(/QDRANT_BENCH_/g)).toHaveLength(1);
  });

  it('may ask for a death only where that is allowed, and for one there is', () => {
    const fault = { QDRANT_BENCH_FAULT: 'kill-after:3' };
    expect(refusal({ ...ENV, ...fault })).toContain('QDRANT_BENCH_FAULT: would kill this operator');
    expect(refusal({ ...ENV, ...fault, QDRANT_BENCH_FAULT_ALLOWED: 'true' })).toContain(
      'QDRANT_BENCH_FAULT_ALLOWED: expected yes',
    );
    const allowed = { QDRANT_BENCH_FAULT_ALLOWED: 'yes' };
    expect(refusal({ ...ENV, ...allowed, QDRANT_BENCH_FAULT: 'kill' })).toContain('expected kill-after:N');
    expect(readConfig({ ...ENV, ...fault, ...allowed }).QDRANT_BENCH_FAULT).toEqual({ mode: 'kill-after', at: 3 });
  });

  it('is refused with all that is wrong at once, and never with a password', () => {
    const url = 'mysql://bench:s3cret@mysql/runs';
    const message = refusal({ ...ENV, QDRANT_BENCH_DATABASE_URL: url, QDRANT_BENCH_NATS_URL: 'nats://me:s3cret@nats' });
    expect(message).toContain('QDRANT_BENCH_DATABASE_URL: expected postgres://user@host/database');
    expect(message).toContain('QDRANT_BENCH_NATS_URL: expected nats://host:port');
    expect(message).not.toContain('s3cret');
    expect(message).not.toContain('mysql');
  });
});
