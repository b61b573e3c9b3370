import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { liveness, see, thisProcess, type ProcessIdentity } from './process-identity.ts';

/** The folder within a store's folder that says who owns it. */
export const LOCK_FOLDER = 'lock';

/** Past owners kept: a number is not free to be taken again while someone may still think it is the next. */
const KEPT = 8;

/** An owned folder. */
export interface FolderLock {
  /** Gives the folder up; safe to call twice. */
  release(): void;
}

/** Who owns a folder, as its lock file says. */
export interface Owner extends ProcessIdentity {
  /** ISO 8601. */
  since: string;
}

/** Somebody else has the folder. */
export interface Held {
  /** Null when the file cannot be read as an owner's. */
  owner: Owner | null;
  /** True when it could not be seen whether the owner still runs. */
  unseen: boolean;
  /** The lock file. */
  file: string;
}

/**
 * Takes the folder, or says who has it. It may be taken over from a process that has ended, however it ended.
 *
 * The lock files are numbered, and the folder belongs to the process named in the one with the highest number. A file is
 * created whole and once (`link` of a finished file), and only with the number after that of an owner that is gone. So of
 * several processes that want to succeed the same owner exactly one can; a file is never removed to make room.
 *
 * @throws the file system's errors (ENOSPC, EACCES, …)
 */
export function tryLock(
  folder: string,
  since: string,
  self: ProcessIdentity = thisProcess(),
  look = see,
): FolderLock | Held {
  const locks = join(folder, LOCK_FOLDER);
  mkdirSync(locks, { recursive: true, mode: 0o700 });
  for (;;) {
    const highest = numbers(locks).at(-1) ?? 0;
    if (highest > 0) {
      const held = holder(fileOf(locks, highest), self, look);
      if (held === 'changed') continue;
      if (held !== 'free') return held;
    }
    const mine = highest + 1;
    if (!create(locks, mine, { ...self, since })) continue;
    // Our list may have been so old that the number had been used and tidied away.
    if (numbers(locks).at(-1) !== mine) {
      rmSync(fileOf(locks, mine), { force: true });
      continue;
    }
    tidy(locks, mine);
    return released(fileOf(locks, mine));
  }
}

/** Whether `tryLock` succeeded. */
export function isLock(result: FolderLock | Held): result is FolderLock {
  return 'release' in result;
}

/** A sentence about who has the folder and what to do. */
export function heldMessage(folder: string, { owner, unseen, file }: Held): string {
  if (owner === null)
    return `store folder ${folder} is locked by ${file}, which cannot be read; remove that file if no qdrant-bench uses the folder`;
  const who = `process ${String(owner.pid)} on ${owner.host}, since ${owner.since}`;
  return unseen
    ? `store folder ${folder} is in use by ${who}, in a container or on a machine this one cannot look into; if it no longer runs, remove ${file}`
    : `store folder ${folder} is in use by ${who}; wait until it ends, stop it, or use another --store`;
}

function holder(file: string, self: ProcessIdentity, look: typeof see): Held | 'free' | 'changed' {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'changed';
    throw error;
  }
  // An owner that gives up empties its file: that needs no space on a full disk.
  if (text === '') return 'free';
  const owner = parseOwner(text);
  if (owner === null) return { owner, unseen: true, file };
  const state = liveness(owner, self, look);
  return state === 'Dead' ? 'free' : { owner, unseen: state === 'Unknown', file };
}

function parseOwner(text: string): Owner | null {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    return owner !== null && Number.isSafeInteger(owner.pid) && typeof owner.host === 'string'
      ? (owner as Owner)
      : null;
  } catch {
    return null;
  }
}

/** False when someone else has the number. */
function create(locks: string, number: number, owner: Owner): boolean {
  const draft = join(locks, `draft-${randomUUID()}`);
  try {
    writeFileSync(draft, `${JSON.stringify(owner)}\n`, { mode: 0o600, flush: true });
    linkSync(draft, fileOf(locks, number));
    return true;
  } catch (error) {
    // ENOENT: an owner that tidied up took our draft for a leftover.
    if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function tidy(locks: string, mine: number): void {
  for (const number of numbers(locks)) {
    if (number < mine - KEPT) rmSync(fileOf(locks, number), { force: true });
  }
  for (const name of readdirSync(locks)) {
    if (name.startsWith('draft-')) rmSync(join(locks, name), { force: true });
  }
}

function released(file: string): FolderLock {
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      truncateSync(file, 0);
    },
  };
}

function numbers(locks: string): number[] {
  return readdirSync(locks)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

function fileOf(locks: string, number: number): string {
  return join(locks, String(number));
}
