import type { Logger } from 'pino';
import { summary } from '../judge/bodies.ts';
import type { EventRecorder } from '../runtime/events.ts';
import type { KubeObject } from '../runtime/kube.ts';
import type { SweepEvent } from './ports.ts';

/** Says what happens in a sweep: transitions as Kubernetes events, more of it in the log. */
export function announce(event: SweepEvent, object: KubeObject, events: EventRecorder, log: Logger): void {
  switch (event.type) {
    case 'run': {
      const { role, run, attempt, build, number, of, why } = event;
      const settings = summary({ build, search: {} });
      log.info({ run, attempt, role, settings }, 'run started');
      const again = attempt > 1 ? `, attempt ${attempt}` : '';
      const note = `build ${number} of ${of}${again}: ${settings}${why ? `. ${why}` : ''}`;
      events.record(object, { type: 'Normal', reason: 'RunStarted', note });
      return;
    }
    case 'attemptFailed': {
      const { run, attempt, message } = event;
      log.warn({ run, attempt, message }, 'attempt failed');
      events.record(object, {
        type: 'Warning',
        reason: 'AttemptFailed',
        note: `attempt ${attempt} of run ${run}: ${message}`,
      });
      return;
    }
    case 'finals':
      log.info({ arms: event.arms, repeats: event.repeats }, 'finals started');
      events.record(object, {
        type: 'Normal',
        reason: 'FinalsStarted',
        note: `${event.arms} configurations, ${event.repeats} repeats each, interleaved`,
      });
      return;
    case 'search': {
      const { id, run, attempt, stage, verdict, reason } = event.search;
      log.info({ search: id, run, attempt, stage, verdict, reason }, 'search measured');
      return;
    }
    case 'phase':
      log.info({ phase: event.message }, 'phase');
      return;
    case 'progress':
      log.debug({ ...event.progress }, 'progress');
  }
}
