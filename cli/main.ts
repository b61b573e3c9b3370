import { cli } from './cli.ts';

/** A terminal's Ctrl-C reaches this process and the launcher under an older Node, which passes it on: twice the same. */
const SAME_MS = 300;

const stop = new AbortController();
let asked = 0;
const interrupt = (): void => {
  // The second time somebody means it.
  if (asked > 0 && Date.now() - asked > SAME_MS) process.exit(130);
  if (asked > 0) return;
  asked = Date.now();
  process.stderr.write('\nstopping; what is finished is kept (again to stop at once)\n');
  stop.abort(new Error('interrupted'));
};
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
// Started by a launcher under an older Node: when that dies, so do we, or two would write one store.
if (process.channel) {
  process.on('disconnect', () => process.exit(143));
  process.channel.unref();
}

process.exitCode = await cli(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  progress: {
    write: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 120,
    now: Date.now,
  },
  signal: stop.signal,
});
