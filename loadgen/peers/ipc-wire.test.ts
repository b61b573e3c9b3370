import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { ipcWire } from './ipc-wire.ts';

it('goes by way of the parent, and hears nothing but what it relays', () => {
  const events = new EventEmitter();
  const sent: unknown[] = [];
  const wire = ipcWire({ on: events.on.bind(events), send: (message) => sent.push(message) });
  const heard: [number, string][] = [];
  wire.listen((from, text) => heard.push([from, text]));
  wire.send(2, 'hello');
  events.emit('message', { from: 1, text: 'hi' });
  for (const rubbish of [undefined, 'x', { from: -1, text: 'x' }, { from: 1 }, { to: 1, text: 'x' }]) {
    events.emit('message', rubbish);
  }
  expect(sent).toEqual([{ to: 2, text: 'hello' }]);
  expect(heard).toEqual([[1, 'hi']]);
  expect(wire.connected()).toBe(true);
  // Without a channel nothing is said, and nothing breaks.
  ipcWire({ on: events.on.bind(events) }).send(1, 'x');
});
