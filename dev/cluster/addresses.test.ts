import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressesOf, freeAddresses, overlap, slots } from './addresses.ts';
import { clusterPaths, defaultStateDir } from './paths.ts';

describe('addresses', () => {
  it('of a block are all inside it, and no two blocks meet', () => {
    const all = Array.from({ length: slots }, (_, slot) => addressesOf(slot));
    for (const addresses of all) {
      const { node, hostEnd, clusterEnd, pods, services, dns, block } = addresses;
      for (const part of [node, hostEnd, clusterEnd, pods, services, dns]) expect(overlap(part, block)).toBe(true);
      expect(overlap(dns, services)).toBe(true);
      expect([overlap(node, pods), overlap(pods, services), overlap(hostEnd, pods)]).toEqual([false, false, false]);
      expect(overlap(block, '198.18.0.0/15')).toBe(true);
      expect(all.filter((other) => overlap(other.block, block))).toEqual([addresses]);
    }
  });

  it('avoid what the machine has routes to, and stay where they can', () => {
    fc.assert(
      fc.property(fc.nat(0xffffff), fc.uniqueArray(fc.nat(slots - 1), { maxLength: slots - 1 }), (seed, taken) => {
        const id = seed.toString(16).padStart(8, '0');
        const routes = ['default', '192.0.2.0/24', ...taken.map((slot) => addressesOf(slot).pods)];
        const { slot } = freeAddresses(id, routes);
        expect(taken).not.toContain(slot);
        const wanted = freeAddresses(id, []).slot;
        if (!taken.includes(wanted)) expect(slot).toBe(wanted);
      }),
    );
  });

  it('run out with a word of advice', () => {
    expect(() => freeAddresses('00000000', ['198.18.0.0/15'])).toThrow('take other clusters down');
  });
});

describe('a state directory', () => {
  it('is in the user state folder, and another checkout has another', () => {
    const dir = defaultStateDir({ XDG_STATE_HOME: '/state' });
    expect(dir).toMatch(/^\/state\/qdrant-bench\/cluster-[0-9a-f]{8}$/);
    expect(clusterPaths('/a').id).not.toBe(clusterPaths('/b').id);
    expect(clusterPaths('/a').socket).toBe('/a/containerd.sock');
  });

  it.each(['relative/dir', '/with space', `/${'x'.repeat(80)}`, '/a:b'])('is not %s', (dir) => {
    expect(() => clusterPaths(dir)).toThrow('expected an absolute path');
  });
});
