import { createServer } from 'node:http';

/** Answers every POST with `k` hits, always the same bytes, as soon as the request is in. Prints its port. */
const k = Number(process.argv[2]);
const points = Array.from({ length: k }, (_, id) => ({ id: id * 37, version: 3, score: 0.9 - id / 1000 }));
const body = Buffer.from(JSON.stringify({ result: { points }, status: 'ok', time: 0.000123 }));
const headers = { 'content-type': 'application/json', 'content-length': body.length };
const server = createServer((request, response) => {
  request.resume().once('end', () => response.writeHead(200, headers).end(body));
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
// Ends with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume();
