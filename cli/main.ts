import { cli } from './cli.ts';

const stop = new AbortController();
let asked = false;
const interrupt = (): void => {
  // The second time somebody means it.
  if (asked) process.exit(130);
  asked = true;
  process.stderr.write('\nstopping; the searches finished so far are kept (again to stop at once)\n');
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
