import { setTimeout as sleep } from 'node:timers/promises';
import { MOMENTS, type Moment } from '../cluster/scene.ts';
import type { ApiFault } from '../proxy/api-fault.ts';
import type { ApiProxy } from '../proxy/api-proxy.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const any = (): boolean => true;
const isWrite: ApiFault['matches'] = ({ write }) => write;
const isWatch: ApiFault['matches'] = ({ watch }) => watch;

/** How long a watch tells wrong, ms. */
const SHAPED_MS = 1500;

/** What an API server, or the way to it, does at its worst. */
const FAULTS: Readonly<Record<string, (api: ApiProxy) => Promise<void> | void>> = {
  // Another writer was faster, several times in a row.
  '409': (api) =>
    api.inject({ name: '409', matches: ({ method }) => method === 'PATCH', act: { status: 409 }, times: 3 }),
  // What the watch goes on from is forgotten, and so is the middle of the list that follows.
  '410': (api) => {
    api.inject({ name: '410', matches: isWatch, act: { status: 410 } });
    api.inject({
      name: '410',
      matches: ({ resource, name }) => resource === 'qdrantsweeps' && name === undefined,
      act: { status: 410 },
    });
    api.cutWatches();
  },
  '429': (api) => api.inject({ name: '429', matches: any, act: { status: 429, retryAfter: 1 }, times: 3 }),
  '500': (api) => api.inject({ name: '500', matches: any, act: { status: 500 }, times: 3 }),
  '503': (api) => api.inject({ name: '503', matches: any, act: { status: 503 }, times: 3 }),
  'cut connection': (api) => api.inject({ name: 'cut', matches: any, act: 'cut', times: 3 }),
  'lost answer': (api) => api.inject({ name: 'lost answer', matches: isWrite, act: 'lose', times: 3 }),
  // The client gives up after its own 15 s.
  'half-open write': (api) => api.inject({ name: 'half-open', matches: isWrite, act: 'silence' }),
  'half-open read': (api) => api.inject({ name: 'half-open', matches: ({ write }) => !write, act: 'hold' }),
  'doubled events': (api) => {
    api.shape = (event) => [event, event];
  },
  // What happens in the gap is never seen as an event; the list that ends it shows what has come of it.
  'dropped events': async (api) => {
    api.shape = (event) => (event.type === 'BOOKMARK' ? [event] : []);
    await sleep(SHAPED_MS);
    api.shape = undefined;
    api.inject({ name: '410', matches: isWatch, act: { status: 410 } });
    api.cutWatches();
  },
  // An API server that is behind: the sweep as it was at first, then all that has happened since.
  'stale list': (api) => {
    api.staleLists = 1;
    api.inject({ name: '410', matches: isWatch, act: { status: 410 } });
    api.cutWatches();
  },
};

/** Each of them in each phase of a sweep; and an operator that cannot read the keys of NATS as soon as it leads. */
export function apiFaults(): Scenario[] {
  const noKeys = (api: ApiProxy): void =>
    api.inject({ name: '503', matches: ({ resource }) => resource === 'secrets', act: { status: 503 }, times: 2 });
  return [
    apiFault('no keys', noKeys, 'starting'),
    ...Object.entries(FAULTS).flatMap(([name, act]) =>
      (['starting', ...MOMENTS] as const).map((moment) => apiFault(name, act, moment)),
    ),
  ];
}

function apiFault(name: string, act: (api: ApiProxy) => Promise<void> | void, moment: Moment | 'starting'): Scenario {
  let acting: Promise<void> = Promise.resolve();
  const begin = (stage: Stage): void => {
    acting = Promise.resolve(act(stage.operator.api));
  };
  return {
    name: `api/${name}/${moment}`.replaceAll(' ', '-'),
    variant: 'base',
    ends: 'Completed',
    arrange: (stage) => {
      if (moment === 'starting') return;
      stage.when(moment, () => {
        begin(stage);
        return Promise.resolve();
      });
    },
    disturb: async (stage) => {
      if (moment === 'starting') begin(stage);
      else await stage.reached(moment);
      await acting;
    },
    happened: ({ operators }) => operators.some(({ api }) => api.met.length > 0),
  };
}
