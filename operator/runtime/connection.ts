import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { type KubeConfig, HttpMethod, RequestContext } from '@kubernetes/client-node';
import { Agent, type Dispatcher } from 'undici';

/** Where and as whom to ask. */
export interface Access {
  origin: string;
  /** Path before the API's own, for API servers behind a proxy; usually empty. */
  prefix: string;
  headers: Record<string, string>;
  dispatcher: Dispatcher;
}

/**
 * The library's authentication over one connection pool. The library makes a new pool, and with it a TLS handshake, for
 * every request; we ask it for one only when certificates changed. Tokens are its to refresh, so it is asked each time.
 */
export class Connection {
  readonly #config: KubeConfig;
  #pool: { fingerprint: string; dispatcher: Dispatcher } | undefined;
  #closed = false;

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  async access(): Promise<Access> {
    if (this.#closed) throw new Error('the connection to the API server was closed');
    const server = this.#config.getCurrentCluster()?.server;
    if (!server) throw new Error('the kubeconfig names no cluster: check its current-context');
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
    if (options.auth) headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    const { origin, pathname } = new URL(server);
    return {
      origin,
      prefix: pathname.replace(/\/$/, ''),
      headers,
      dispatcher: await this.#dispatcher(server, options),
    };
  }

  /** Ends the pool's connections, and with them whatever still runs on them. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool?.dispatcher.destroy();
  }

  async #dispatcher(server: string, { ca, cert, key, servername, rejectUnauthorized }: RequestOptions) {
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([ca, cert, key, server, servername, rejectUnauthorized]))
      .digest('hex');
    if (this.#pool?.fingerprint === fingerprint) return this.#pool.dispatcher;
    const context = new RequestContext(server, HttpMethod.GET);
    await this.#config.applySecurityAuthentication(context);
    const dispatcher = context.getDispatcher() ?? new Agent();
    // Another call may have made one while the library was thinking.
    const meanwhile = this.#pool;
    if (meanwhile?.fingerprint === fingerprint) {
      void dispatcher.close();
      return meanwhile.dispatcher;
    }
    this.#pool = { fingerprint, dispatcher };
    // Requests under way, watches among them, end in their own time.
    void meanwhile?.dispatcher.close();
    return dispatcher;
  }
}
