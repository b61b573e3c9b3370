import { runProcess } from './process.ts';

const { argv, env, stdin, stdout } = process;
// Whom nobody hears any more is told so by the channel's end, not by each word.
const send = process.send && ((message: unknown) => process.send?.(message, undefined, undefined, () => {}));
const ipc = { send, on: process.on.bind(process) };
const code = await runProcess({ argv, env, stdin, stdout, on: process.on.bind(process), ipc });
process.exit(code);
