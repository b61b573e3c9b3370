import { GROUP, type Kind } from './common/resource.ts';
import { EXPERIMENT } from './experiment/experiment.ts';
import { PROMOTION } from './promotion/promotion.ts';
import { SWEEP } from './sweep/sweep.ts';

/** The kinds of the API. CustomResourceDefinitions and reference pages are generated from these. */
export const KINDS: readonly Kind[] = [SWEEP, EXPERIMENT, PROMOTION];

/** Name of a kind's CustomResourceDefinition, and of the file it is kept in. */
export const crdName = ({ plural }: Pick<Kind, 'plural'>): string => `${plural}.${GROUP}`;
