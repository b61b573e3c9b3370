import * as fc from 'fast-check';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heldMessage, isLock, LOCK_FOLDER, tryLock, type FolderLock, type Held } from './folder-lock.ts';
import { see, thisProcess, type ProcessIdentity } from './process-identity.ts';
import { startChild } from './testing/child.ts';
import { NOW } from './testing/records.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qdrant-bench-lock-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function locked(): FolderLock {
  const result = tryLock(folder, NOW);
  if (!isLock(result)) throw new Error('the folder is held');
  return result;
}

function held(): Held {
  const result = tryLock(folder, NOW);
  if (isLock(result)) throw new Error('the folder is free');
  return result;
}

describe('a folder lock', () => {
  it('is one: the same process cannot have it twice, and can again once released', () => {
    const lock = locked();
    expect(held()).toMatchObject({ owner: { pid: process.pid, since: NOW }, unseen: false });
    lock.release();
    lock.release();
    locked().release();
  });

  it('says who has it and what to do', () => {
    locked();
    expect(heldMessage(folder, held())).toMatch(
      new RegExp(`^store folder ${folder} is in use by process ${String(process.pid)} on .*another --store$`),
    );
  });

  it('does not judge an owner it cannot look at, and says which file to remove', () => {
    mkdirSync(join(folder, LOCK_FOLDER));
    const elsewhere = { pid: 1, startTime: '1', boot: 'other', pidNamespace: null, host: 'far-away', since: NOW };
    const file = join(folder, LOCK_FOLDER, '1');
    writeFileSync(file, JSON.stringify(elsewhere));
    expect(heldMessage(folder, held())).toContain(`process 1 on far-away, since ${NOW}, in a container`);
    expect(heldMessage(folder, held())).toContain(`remove ${file}`);
    for (const damaged of ['{', 'null', '{"pid":"x"}']) {
      writeFileSync(file, damaged);
      expect(heldMessage(folder, held())).toContain(`locked by ${file}, which cannot be read`);
    }
  });

  it('leaves few files, however often it changes hands', () => {
    writeFileSync(join(folder, 'mine'), '');
    for (let time = 0; time < 40; time += 1) locked().release();
    expect(readdirSync(join(folder, LOCK_FOLDER)).length).toBeLessThan(12);
    expect(readdirSync(folder)).toContain('mine');
  });

  it('has at most one owner in any course of taking, releasing and dying', () => {
    const step = fc.record({ who: fc.nat(3), what: fc.constantFrom('take', 'take', 'release', 'die') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (course) => {
        rmSync(join(folder, LOCK_FOLDER), { recursive: true, force: true });
        const births = [0, 0, 0, 0];
        let owner: { who: number; lock: FolderLock } | undefined;
        const identity = (who: number): ProcessIdentity => ({
          pid: 100 + who,
          startTime: String(births[who]),
          boot: 'b',
          pidNamespace: 'n',
          host: 'h',
        });
        for (const { who, what } of course) {
          if (what === 'take') {
            const result = tryLock(folder, NOW, identity(who), (pid) => ({ startTime: String(births[pid - 100]) }));
            expect(isLock(result)).toBe(owner === undefined);
            if (isLock(result)) owner = { who, lock: result };
            else expect(result.owner?.pid).toBe(100 + (owner?.who ?? -1));
          } else if (owner?.who === who && what === 'release') {
            owner.lock.release();
            owner = undefined;
          } else if (what === 'die') {
            // Its number is used again by a process started later.
            births[who] = (births[who] ?? 0) + 1;
            if (owner?.who === who) owner = undefined;
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  describe('between looking at the owner and succeeding it', () => {
    /** A dead owner; whoever looks at it is overtaken by what happens meanwhile. */
    function overtaken(meanwhile: () => void): FolderLock | Held {
      mkdirSync(join(folder, LOCK_FOLDER));
      const dead = { ...thisProcess(), pid: 1, since: NOW };
      writeFileSync(join(folder, LOCK_FOLDER, '1'), JSON.stringify(dead));
      let looks = 0;
      return tryLock(folder, NOW, thisProcess(), (pid) => {
        looks += 1;
        if (looks === 1) meanwhile();
        return pid === 1 ? undefined : see(pid);
      });
    }
    const succeed = (): FolderLock => {
      const result = tryLock(folder, NOW, thisProcess(), (pid) => (pid === 1 ? undefined : see(pid)));
      if (!isLock(result)) throw new Error('the folder is held');
      return result;
    };

    it('another succeeds it', () => {
      expect(isLock(overtaken(() => succeed()))).toBe(false);
    });

    it('another succeeds it and gives up', () => {
      expect(isLock(overtaken(() => succeed().release()))).toBe(true);
    });

    it('so many do that the number is free again', () => {
      const many = () => {
        for (let time = 0; time < 12; time += 1) succeed().release();
        succeed();
      };
      expect(isLock(overtaken(many))).toBe(false);
      expect(readdirSync(join(folder, LOCK_FOLDER))).not.toContain('2');
    });

    it('somebody tidies up', () => {
      const tidy = () => {
        rmSync(join(folder, LOCK_FOLDER, '1'));
        writeFileSync(join(folder, LOCK_FOLDER, '20'), '');
      };
      expect(isLock(overtaken(tidy))).toBe(true);
      expect(readdirSync(join(folder, LOCK_FOLDER))).toContain('21');
    });
  });

  it('goes to exactly one of several processes, each time its owner is killed', async () => {
    const children = Array.from({ length: 5 }, () => startChild('contender.ts', folder));
    try {
      for (let left = children.length; left > 0; left -= 1) {
        for (const child of children) child.say('go');
        const answers = await Promise.all(children.map((child) => child.line()));
        expect(answers.filter((answer) => answer === 'owner')).toHaveLength(1);
        expect(answers.filter((answer) => answer === 'held')).toHaveLength(left - 1);
        expect(held().owner?.pid).toBe(children[answers.indexOf('owner')]?.process.pid);
        await children.splice(answers.indexOf('owner'), 1)[0]?.kill();
      }
      locked();
    } finally {
      await Promise.all(children.map((child) => child.kill()));
    }
  });
});
