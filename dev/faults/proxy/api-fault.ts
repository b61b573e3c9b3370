import type { WatchLine } from './watch-lines.ts';

/** A request to the API server, taken apart. */
export interface ApiRequest {
  method: string;
  path: string;
  /** `qdrantsweeps`, `jobs`, `qdrantsweeps/status`. */
  resource: string;
  namespace?: string;
  /** Absent for a whole kind. */
  name?: string;
  watch: boolean;
  /** Whether it changes something. */
  write: boolean;
}

/** What the API server says of itself. */
export interface Refusal {
  status: 409 | 410 | 429 | 500 | 503;
  /** Seconds. */
  retryAfter?: number;
}

export interface ApiFault {
  /** For reports: `503`, `lost answer`. */
  name: string;
  matches: (request: ApiRequest) => boolean;
  /**
   * A refusal: not asked, this is its answer. `cut`: not asked, the connection is closed. `hold`: not asked, never
   * answered. `lose`: carried out, then the connection is closed. `silence`: carried out, never answered.
   */
  act: Refusal | 'cut' | 'hold' | 'lose' | 'silence';
  /** How many requests it meets. Default 1. */
  times?: number;
}

/** What an event of a watch becomes: nothing, itself, itself twice. */
export type WatchShape = (event: WatchLine) => WatchLine[];

/** Takes a request's method and path apart. Pure. */
export function describe(method: string, url: string): ApiRequest {
  const { pathname, searchParams } = new URL(url, 'http://api');
  const parts = pathname.split('/').filter(Boolean).map(decodeURIComponent);
  const rest = parts.slice(parts[0] === 'apis' ? 3 : 2);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [resource = '', name, subresource] = namespaced ? rest.slice(2) : rest;
  return {
    method,
    path: pathname,
    resource: subresource ? `${resource}/${subresource}` : resource,
    ...(namespaced && rest[1] !== undefined ? { namespace: rest[1] } : {}),
    ...(name === undefined ? {} : { name }),
    watch: searchParams.get('watch') === 'true',
    write: method !== 'GET',
  };
}

const REASONS = {
  409: ['Conflict', 'the object has been modified; please apply your changes to the latest version and try again'],
  410: ['Expired', 'the provided continue parameter or resource version is too old'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  500: ['InternalError', 'an internal error occurred: etcdserver: request timed out'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
} as const;

/** The refusal in the API server's own form. */
export function answerOf(
  { status, retryAfter }: Refusal,
  { resource, name }: ApiRequest,
): { status: number; headers: Record<string, string>; text: string } {
  const [reason, message] = REASONS[status];
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: name === undefined ? message : `Operation cannot be fulfilled on ${resource} "${name}": ${message}`,
    reason,
    code: status,
  };
  return {
    status,
    headers: {
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    },
    text: JSON.stringify(body),
  };
}
