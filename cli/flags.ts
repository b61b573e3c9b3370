import { parseArgs } from 'node:util';
import { closest } from '../crds/closest.ts';
import { durationSeconds, DURATION_PATTERN } from '../crds/duration.ts';
import { UsageError } from './arguments.ts';

/** One option of a command, as it is read and as help shows it. */
export interface Flag {
  name: string;
  /** What the value is, for help; without, the flag is a switch. */
  value?: string;
  /** May be given several times. */
  multiple?: boolean;
  default?: string;
  help: string;
}

/** What was given on a command line, by flag, read with errors that name the flag. */
export class Given {
  readonly #values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly #flags: readonly Flag[];
  readonly #command: string;

  constructor(command: string, flags: readonly Flag[], values: Given['values']) {
    this.#command = command;
    this.#flags = flags;
    this.#values = values;
  }

  get values(): Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>> {
    return this.#values;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  on(name: string): boolean {
    return this.#values[name] === true;
  }

  /** What was given, else the default, else undefined. */
  text(name: string): string | undefined {
    const given = this.#values[name];
    if (given === '') throw new UsageError(`--${name}: is empty; expected ${this.#flag(name).value ?? 'a value'}`);
    return typeof given === 'string' ? given : this.#flag(name).default;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) {
      throw new UsageError(
        `${this.#command}: --${name} ${this.#flag(name).value ?? ''} is missing; "qdrant-bench ${this.#command} --help" lists all`,
      );
    }
    return value;
  }

  many(name: string): string[] {
    const given = this.#values[name];
    return Array.isArray(given) ? given.map(String) : [];
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.required(name);
    if (choices.includes(value as T)) return value as T;
    const same = choices.find((choice) => choice.toLowerCase() === value.toLowerCase());
    throw new UsageError(`--${name}: "${value}" is none of ${choices.join(', ')}${same ? `; write it ${same}` : ''}`);
  }

  /** A number within bounds, both included. */
  number(name: string, bounds: { min: number; max: number; whole?: boolean }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(text) ? Number(text) : NaN;
    const { min, max, whole } = bounds;
    if (!Number.isFinite(value) || value < min || value > max || (whole === true && !Number.isInteger(value))) {
      throw new UsageError(
        `--${name}: "${text}" is not ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`,
      );
    }
    return value;
  }

  /** Seconds of a duration such as `20s`, `1m30s` or `500ms`. */
  seconds(name: string, bounds: { min: number; max: number }): number {
    const text = this.required(name);
    const seconds = DURATION_PATTERN.test(text) ? durationSeconds(text) : NaN;
    const { min, max } = bounds;
    if (!(seconds >= min && seconds <= max)) {
      throw new UsageError(
        `--${name}: "${text}" is not a duration from ${min}s to ${max}s, such as 20s, 1m30s or 500ms`,
      );
    }
    return seconds;
  }

  /** An address of a server: scheme, host and port, nothing more. */
  server(name: string): string {
    const text = this.required(name);
    const wrong = (why: string) =>
      new UsageError(`--${name}: "${text}" ${why}; expected scheme, host and port, such as http://localhost:6333`);
    if (!URL.canParse(text)) throw wrong('is not a URL');
    const url = new URL(text);
    if (url.username !== '' || url.password !== '') {
      throw new UsageError(`--${name}: holds a password; give the API key by QDRANT_API_KEY or --api-key-file`);
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw wrong('is neither http nor https');
    if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw wrong('has a path');
    return url.origin;
  }

  #flag(name: string): Flag {
    const flag = this.#flags.find((one) => one.name === name);
    if (flag === undefined) throw new Error(`no such flag: ${name}`);
    return flag;
  }
}

/**
 * The options of one command.
 * @throws {UsageError} an option that is not known, is repeated or lacks its value; an argument that is no option.
 */
export function readFlags(command: string, flags: readonly Flag[], argv: readonly string[]): Given {
  const options = Object.fromEntries(
    flags.map(({ name, value }) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: true },
    ]),
  );
  let parsed;
  try {
    parsed = parseArgs({ args: joined(flags, argv), options, allowPositionals: true, strict: true });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const option = /Unknown option '-+([\w-]+)'/.exec(said)?.[1];
    if (option === 'api-key') {
      throw new UsageError('--api-key: others see what is on a command line; give --api-key-file, or QDRANT_API_KEY');
    }
    const near =
      option &&
      closest(
        option,
        flags.map(({ name }) => name),
      );
    if (near) throw new UsageError(`${command}: unknown option --${option}; did you mean --${near}?`);
    throw new UsageError(`${command}: ${(said.split('. ')[0] as string).split('\n', 1)[0]}; see --help`);
  }
  const [extra] = parsed.positionals;
  if (extra !== undefined)
    throw new UsageError(`${command}: unexpected argument "${extra}"; all is given by options, see --help`);
  const values: Record<string, string | boolean | (string | boolean)[]> = {};
  for (const { name, multiple } of flags) {
    // All may be repeated as far as the parser goes, so that a repetition can be refused.
    const given = parsed.values[name] as (string | boolean)[] | undefined;
    if (given === undefined) continue;
    if (multiple === true) values[name] = given;
    else if (given.length > 1)
      throw new UsageError(`${command}: --${name} is given ${given.length} times; give it once`);
    else values[name] = given[0] as string | boolean;
  }
  return new Given(command, flags, values);
}

/** `--name value` as `--name=value` where the value begins with a minus: it is a number then, not an option. */
function joined(flags: readonly Flag[], argv: readonly string[]): string[] {
  const args: string[] = [];
  for (const arg of argv) {
    const before = args.at(-1);
    const takesValue = flags.some(({ name, value }) => value !== undefined && before === `--${name}`);
    if (takesValue && /^-[0-9.]/.test(arg)) args[args.length - 1] = `${before}=${arg}`;
    else args.push(arg);
  }
  return args;
}

/** Help of a command's options, with their defaults. */
export function flagsHelp(flags: readonly Flag[]): string {
  const left = flags.map(({ name, value }) => `  --${name}${value === undefined ? '' : ` ${value}`}`);
  const width = Math.min(30, Math.max(...left.map(({ length }) => length))) + 2;
  return flags
    .map(({ help, default: otherwise }, index) => {
      const text = `${help}${otherwise === undefined ? '' : ` (default: ${otherwise})`}`;
      const head = left[index] as string;
      const gap = head.length < width ? head.padEnd(width) : `${head}\n${' '.repeat(width)}`;
      return `${gap}${text.replaceAll('\n', `\n${' '.repeat(width)}`)}`;
    })
    .join('\n');
}
