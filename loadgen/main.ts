import { runProcess } from './process.ts';

const { argv, env, stdin, stdout } = process;
const code = await runProcess({ argv, env, stdin, stdout, on: process.on.bind(process) });
process.exit(code);
