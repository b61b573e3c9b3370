import { expect, it } from 'vitest';
import { benchClient } from './client.ts';
import { machine } from './machine.ts';

it('measures every client on both shapes, and says on what', async () => {
  const lines: string[] = [];
  const figures = await benchClient((line) => lines.push(line), { requests: 40, rounds: 1, peers: false });
  expect(figures).toHaveLength(10);
  expect(lines).toHaveLength(10);
  for (const { microsPerQuery, ratioToRaw } of figures) {
    expect(microsPerQuery).toBeGreaterThan(0);
    expect(ratioToRaw).toBeGreaterThan(0);
  }
  expect(machine()).toMatchObject({ node: process.versions.node, undici: expect.any(String) as string });
});
