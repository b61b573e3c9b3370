import { destination, pino, type Logger } from 'pino';

/**
 * A JSON logger of the operator and the CLI. Keys and headers are redacted wherever they stand.
 * @param fd 1 in a container, where logs are standard output; 2 where that belongs to the result.
 */
export function createLogger(level: string, fd: 1 | 2, name?: string): Logger {
  return pino(
    {
      ...(name === undefined ? {} : { name }),
      level,
      redact: {
        paths: ['apiKey', '*.apiKey', 'headers', '*.headers', 'authorization', '*.authorization'],
        censor: '[redacted]',
      },
    },
    destination({ dest: fd, sync: true }),
  );
}
