import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Publish } from './protocol.ts';

/** Publishes messages as lines of JSON, in order, waiting whenever the reader is slow. */
export function lineWriter(stream: Writable): Publish {
  let last: Promise<void> = Promise.resolve();
  return (message) => {
    const line = `${JSON.stringify(message)}\n`;
    last = last.then(async () => {
      if (!stream.write(line)) await once(stream, 'drain');
    });
    return last;
  };
}
