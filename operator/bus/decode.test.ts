import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from './decode.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('decodeMessage', () => {
  it('reads what the protocol knows', () => {
    expect(decodeMessage(bytes('{"type":"done"}'))).toEqual({ message: { type: 'done' } });
  });

  it.each([
    ['nothing', new Uint8Array(), 'no JSON'],
    ['no UTF-8', new Uint8Array([34, 0xff, 34]), 'no JSON'],
    ['an unknown type', bytes('{"type":"dance"}'), 'type'],
    ['a foreign field', bytes('{"type":"done","more":1}'), 'more'],
    ['an acknowledgement', bytes('{"stream":"RESULTS","seq":1}'), 'type'],
    ['a flood', new Uint8Array(1_048_577), '1048577 bytes'],
  ])('says why %s is none', (_, data, why) => {
    expect(decodeMessage(data)).toMatchObject({ garbage: expect.stringContaining(why) as string });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes)), (data) => {
        expect(Object.keys(decodeMessage(data))).toHaveLength(1);
      }),
    );
  });
});
