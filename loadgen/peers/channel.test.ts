import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Channel } from './channel.ts';

describe('a channel', () => {
  it('brings every message whole, once and in order, whatever the wire loses, repeats or holds back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 20 }), { maxLength: 40 }),
        fc.infiniteStream(fc.constantFrom('arrives', 'lost', 'twice', 'early')),
        (messages, fates) => {
          const [sender, receiver] = [new Channel(), new Channel()];
          const heard: string[] = [];
          for (const message of messages) sender.send(message);
          for (let round = 0; !sender.idle; round += 1) {
            expect(round).toBeLessThan(10_000);
            const pieces = [...sender.outgoing()];
            for (const [i, piece] of pieces.entries()) {
              const fate = fates.next().value as string;
              // A piece that overtakes others comes again later.
              const coming = fate === 'lost' ? [] : fate === 'early' ? [pieces[i + 1] ?? piece, piece] : [piece];
              for (const each of fate === 'twice' ? [piece, piece] : coming) {
                const whole = receiver.receive(each);
                if (whole !== undefined) heard.push(whole);
              }
            }
            if (fates.next().value !== 'lost') sender.acknowledged(receiver.acknowledgement);
          }
          expect(heard).toEqual(messages);
        },
      ),
    );
  });

  it('cuts what is long, and sends no more at once than a few pieces', () => {
    const [sender, receiver] = [new Channel(), new Channel()];
    const long = 'x'.repeat(200_000 * 20 + 1);
    sender.send(long);
    expect(sender.outgoing()).toHaveLength(16);
    const got: (string | undefined)[] = [];
    while (!sender.idle) {
      for (const piece of sender.outgoing()) got.push(receiver.receive(piece));
      expect(sender.acknowledged(receiver.acknowledgement)).toBe(true);
    }
    expect(got.filter((whole) => whole !== undefined)).toEqual([long]);
    expect(sender.acknowledged(99)).toBe(false);
  });

  it('takes no message without end', () => {
    const receiver = new Channel();
    const endless = () => {
      for (let seq = 1; ; seq += 1) receiver.receive({ seq, last: false, text: 'x'.repeat(2 ** 23) });
    };
    expect(endless).toThrow(/more than 67108864 characters/);
  });
});
