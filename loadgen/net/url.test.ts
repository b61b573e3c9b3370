import { describe, expect, it } from 'vitest';
import { boundHost, shownUrl, webUrl } from './url.ts';

describe('URLs', () => {
  it('are shown without what may be secret', () => {
    expect(shownUrl('https://user:key@host/x.fvecs?sig=abc#f')).toBe('https://host/x.fvecs');
    expect(shownUrl('https://host?sig=abc')).toBe('https://host');
    expect(shownUrl(`https://host/${'x'.repeat(9999)}`)).toHaveLength(2048);
  });

  it('have the host they lead to, however it is spelled', () => {
    expect(webUrl('HTTP://0x7f.1/').hostname).toBe('127.0.0.1');
    expect(webUrl('/x', webUrl('https://data.example/y')).href).toBe('https://data.example/x');
  });

  it.each([
    ['https://data.example', 'data.example'],
    ['https://data.example:443/x', 'data.example'],
    ['https://DATA.example./x', 'data.example'],
    ['https://data.example:6333', 'data.example:6333'],
    ['http://data.example:6333', 'data.example:6333'],
    ['http://data.example', 'data.example:80'],
    // Not the name that stands for https: a key for that does not go out in the clear.
    ['http://data.example:443', 'data.example:443'],
    ['https://[2001:DB8::1]:6333', '[2001:db8::1]:6333'],
    ['https://[2001:db8::1]', '[2001:db8::1]'],
  ])('%s is bound as %s', (url, host) => expect(boundHost(url)).toBe(host));
});
