import { startNats } from '../server.ts';

// A process that starts a server, names it, and waits to be killed.
const server = await startNats();
process.stdout.write(`${server.url}\n`);
setInterval(() => undefined, 60_000);
