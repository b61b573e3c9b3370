import { run } from './house/run.ts';

process.exit(await run('prettier', ['--write', '--log-level=warn', '.']));
