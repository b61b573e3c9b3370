import { startPostgres } from '../server.ts';

// A process that starts a server, names it, and waits to be killed.
const server = await startPostgres();
process.stdout.write(`${JSON.stringify({ pid: server.pid, url: server.url })}\n`);
setInterval(() => undefined, 60_000);
