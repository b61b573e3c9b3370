import { parseArgs } from 'node:util';
import { closest } from '../crds/closest.ts';

/** What the command line asks for. */
export interface Arguments {
  command: 'run' | 'list' | 'show' | 'help' | 'version';
  /** The file of `run`, the name of `show`. */
  subject: string;
  qdrant?: string;
  namespace?: string;
  output: 'text' | 'json';
  store?: string;
  logLevel: string;
}

/** Wrong use: said in one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const COMMANDS = ['run', 'list', 'show'] as const;
/** These read their own options. */
const TOOLS = ['ingest', 'load'];
const LEVELS = ['silent', 'error', 'warn', 'info', 'debug'];
const OPTIONS = {
  qdrant: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  output: { type: 'string', short: 'o' },
  store: { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** @throws {UsageError} naming the argument, what was given and what was expected. */
export function parseArguments(argv: readonly string[]): Arguments {
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const option = /Unknown option '(-+)([\w-]+)'/.exec(said);
    const near = option && closest(option[2] as string, Object.keys(OPTIONS));
    throw new UsageError(
      near ? `unknown option --${option[2]}; did you mean --${near}?` : `${said.split('. ')[0]}; see --help`,
    );
  }
  const { values, positionals } = parsed;
  const base = { subject: '', output: 'text', logLevel: 'warn' } as const;
  if (values.version) return { ...base, command: 'version' };
  const [command, subject = '', ...rest] = positionals;
  if (values.help || command === undefined || command === 'help') return { ...base, command: 'help' };
  if (!COMMANDS.includes(command as (typeof COMMANDS)[number])) {
    if (TOOLS.includes(command)) throw new UsageError(`${command}: options come after the command`);
    const known = [...COMMANDS, ...TOOLS];
    const near = closest(command, known);
    throw new UsageError(
      `unknown command "${command}"; ${near ? `did you mean ${near}?` : `expected one of ${known.join(', ')}`}`,
    );
  }
  if (command === 'run' && subject === '')
    throw new UsageError('run: FILE is missing; give the path of a QdrantSweep YAML file');
  if (command === 'show' && subject === '')
    throw new UsageError('show: NAME is missing; "qdrant-bench list" names the sweeps in the store');
  const extra = command === 'list' ? [subject, ...rest].filter(Boolean) : rest;
  if (extra.length > 0)
    throw new UsageError(`unexpected argument "${extra[0]}"; ${command} takes ${command === 'list' ? 'none' : 'one'}`);
  const { output = 'text' } = values;
  if (output !== 'text' && output !== 'json') throw new UsageError(`--output: "${output}" is neither text nor json`);
  const logLevel = values['log-level'] ?? 'warn';
  if (!LEVELS.includes(logLevel)) throw new UsageError(`--log-level: "${logLevel}" is none of ${LEVELS.join(', ')}`);
  if (values.qdrant !== undefined && !isHttpUrl(values.qdrant)) {
    throw new UsageError(`--qdrant: "${values.qdrant}" is not a URL such as http://localhost:6333`);
  }
  return {
    command: command as Arguments['command'],
    subject,
    output,
    logLevel,
    ...(values.qdrant === undefined ? {} : { qdrant: values.qdrant }),
    ...(values.namespace === undefined ? {} : { namespace: values.namespace }),
    ...(values.store === undefined ? {} : { store: values.store }),
  };
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}
