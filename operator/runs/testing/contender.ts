import { createInterface } from 'node:readline';
import { isLock, tryLock } from '../folder-lock.ts';

// A process that tries to take the folder named on its command line each time it reads a line, and says what came of it.
const folder = process.argv[2] ?? '';
for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(isLock(tryLock(folder, new Date().toISOString())) ? 'owner\n' : 'held\n');
}
