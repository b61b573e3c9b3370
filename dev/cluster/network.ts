import { setTimeout as sleep } from 'node:timers/promises';
import { runProcess } from '../qdrant/run-process.ts';
import { type Addresses, freeAddresses } from './addresses.ts';
import { must, mustInside } from './namespaces.ts';
import type { ProcessId } from './process.ts';

/** The link's name on this machine; at most 15 characters. */
export function linkName(id: string): string {
  return `qbench-${id}`;
}

/** A block of addresses this machine has no route to. */
export async function chooseAddresses(id: string): Promise<Addresses> {
  const routes = JSON.parse(await must('ip', ['-json', '-4', 'route', 'show', 'table', 'all'])) as { dst: string }[];
  return freeAddresses(
    id,
    routes.map(({ dst }) => dst),
  );
}

/**
 * Gives the cluster's network namespace its addresses and links it with this machine, which can then reach the node,
 * the pods and the Services at their own addresses.
 */
export async function linkNamespace(holder: ProcessId, id: string, addresses: Addresses): Promise<void> {
  const { node, hostEnd, clusterEnd, pods, services } = addresses;
  const link = linkName(id);
  const ip = (...args: string[]): Promise<string> => mustInside(holder, 'ip', args);
  await ip('link', 'set', 'lo', 'up');
  // The node's address is on a bridge: not every kernel has dummy devices, and kubelet refuses loopback.
  await ip('link', 'add', 'node0', 'type', 'bridge');
  await ip('addr', 'add', `${node}/32`, 'dev', 'node0');
  await ip('link', 'set', 'node0', 'up');
  await unlinkNamespace(id);
  await must('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', String(holder.pid)]);
  await ip('addr', 'add', `${clusterEnd}/30`, 'dev', 'uplink');
  await ip('link', 'set', 'uplink', 'up');
  // Also what gives the address of a Service somewhere to go before it is translated.
  await ip('route', 'add', 'default', 'via', hostEnd);
  await mustInside(holder, 'sh', ['-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']);
  await must('ip', ['addr', 'add', `${hostEnd}/30`, 'dev', link]);
  await must('ip', ['link', 'set', link, 'up']);
  for (const target of [`${node}/32`, pods, services]) {
    await must('ip', ['route', 'add', target, 'via', clusterEnd, 'dev', link]);
  }
}

/** Removes the link; does nothing when there is none. */
export async function unlinkNamespace(id: string): Promise<void> {
  const link = linkName(id);
  await runProcess('ip', ['link', 'delete', link]);
  while ((await runProcess('ip', ['link', 'show', link])).code === 0) await sleep(20);
}
