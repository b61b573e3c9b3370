import { describe, expect, it } from 'vitest';
import { parseArguments, UsageError } from './arguments.ts';

const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean));

describe('arguments', () => {
  it('reads a run with everything', () => {
    expect(parse('run a.yaml --qdrant http://localhost:6333 -n team -o json --store dir --log-level debug')).toEqual({
      command: 'run',
      subject: 'a.yaml',
      qdrant: 'http://localhost:6333',
      namespace: 'team',
      output: 'json',
      store: 'dir',
      logLevel: 'debug',
    });
  });

  it.each([
    ['', 'help'],
    ['--help', 'help'],
    ['run --help', 'help'],
    ['help', 'help'],
    ['--version', 'version'],
    ['list', 'list'],
    ['show x', 'show'],
  ])('%j is %s', (line, command) => expect(parse(line).command).toBe(command));

  it.each([
    ['run', 'FILE is missing'],
    ['show', 'NAME is missing'],
    ['rnu a', 'did you mean run?'],
    ['frobnicate', 'expected one of run, list, show, ingest, load'],
    ['run a b', 'unexpected argument "b"; run takes one'],
    ['list x', 'list takes none'],
    ['run a --ouput json', 'did you mean --output?'],
    ['run a --zzzzzz', 'see --help'],
    ['run a --output yaml', '--output: "yaml" is neither text nor json'],
    ['run a --log-level loud', '--log-level: "loud" is none of'],
    ['run a --qdrant localhost', '--qdrant: "localhost" is not a URL'],
    ['run a --qdrant http://u:p@localhost', 'is not a URL'],
    ['run a --store', 'store'],
  ])('refuses %j: %s', (line, message) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow(message);
  });
});
