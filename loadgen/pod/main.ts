import { runPod } from './pod-process.ts';

const { argv, env, stdout } = process;
const code = await runPod({ argv, env, stdout, on: process.on.bind(process) });
process.exit(code);
