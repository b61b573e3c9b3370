import { z } from 'zod';
import type { Wire } from './wire.ts';

/** The parts of a process that has an IPC channel to whoever started it. */
export interface IpcPort {
  send?: ((message: unknown) => unknown) | undefined;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

const relayedSchema = z.strictObject({ from: z.int().min(0), text: z.string() });

/**
 * To the other load generators of this machine, by way of the process that started all: it passes `{to, text}` on as
 * `{from, text}`. The channel ends with that process, and so do we.
 */
export function ipcWire(port: IpcPort): Wire {
  return {
    connected: () => true,
    send: (to, text) => void port.send?.({ to, text }),
    listen: (onText) => {
      port.on('message', (message) => {
        const relayed = relayedSchema.safeParse(message).data;
        if (relayed) onText(relayed.from, relayed.text);
      });
    },
  };
}
