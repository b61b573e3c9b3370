import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';

/** Asks a server a GET and resolves with the status; undefined when it does not answer within two seconds. */
export function probeHttp(
  url: string,
  tls: { ca?: string; cert?: string; key?: string } = {},
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const { ca, cert, key } = tls;
    const options = { timeout: 2000, agent: false as const };
    const onResponse = (response: { statusCode?: number; resume(): void }): void => {
      response.resume();
      resolve(response.statusCode);
    };
    const request = url.startsWith('https:')
      ? // A part that made its own certificate is asked for its health only, and sent nothing.
        requestHttps(url, { ...options, ca, cert, key, rejectUnauthorized: ca !== undefined }, onResponse)
      : requestHttp(url, options, onResponse);
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(undefined));
    request.end();
  });
}

/** Whether somebody listens on a Unix socket. */
export function probeSocket(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.setTimeout(2000, () => socket.destroy());
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
