/** Why something was not fetched, or nobody connected to. */
export type NetReason =
  /** The URL itself. */
  | 'BadUrl'
  /** Where it leads may not be reached. */
  | 'AddressRefused'
  /** Redirected too often, or to where it is not followed. */
  | 'BadRedirect'
  /** No connection, or it broke. */
  | 'Unreachable'
  /** An answer, but not the one expected. */
  | 'BadAnswer'
  | 'TooBig'
  | 'TooSlow';

/**
 * The message is the end of a sentence whose subject is the URL: `answered HTTP 404, expected 200`. It holds nothing of
 * what was answered, and there is no cause: errors of HTTP parsers carry the bytes they failed on.
 */
export class NetError extends Error {
  override readonly name = 'NetError';
  readonly reason: NetReason;
  constructor(reason: NetReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What an error of Node's or undici's says of a connection: a code or message, never bytes of an answer. */
export function networkFault(error: unknown): string {
  const { code, message, name, errors } = error as {
    code?: string;
    message?: string;
    name?: string;
    errors?: { code?: string; message?: string }[];
  };
  // Several addresses were tried, and none took the connection.
  const tried = errors?.map((one) => one.message || one.code).filter(Boolean) ?? [];
  if (tried.length > 0) return tried.join('; ').slice(0, 500);
  if (name === 'HTTPParserError' || code?.startsWith('HPE_')) return `no valid HTTP (${code ?? name})`;
  return (message || code || name || 'unknown').slice(0, 500);
}
