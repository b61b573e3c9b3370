import { ANYWHERE, type AddressRules } from './address-rules.ts';
import type { Resolve } from './connect.ts';

/** What a process may reach on behalf of its user. */
export interface Access {
  rules: AddressRules;
  /** Whether `file:` URLs are read: those of the user's own machine. */
  files: boolean;
  /** The folder in which volumes of the user's are mounted, each under its claim's name; undefined where there are none. */
  claims?: string;
  /** Environment variables hold headers of Secrets. */
  env: Readonly<Record<string, string | undefined>>;
  /** For tests. */
  resolve?: Resolve;
}

/** A local run: whatever its user can reach. Size and time stay bounded. */
export function localAccess(env: Access['env']): Access {
  return { rules: ANYWHERE, files: true, env };
}
