import { z } from 'zod';
import { DURATION_PATTERN, durationSeconds } from '../duration.ts';
import { QUANTITY_PATTERN, quantityValue } from '../quantity.ts';
import { withRule } from '../rules.ts';

/** A DNS label, as names of objects and of our own list entries are. */
export const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** A name that becomes part of other objects' names. */
export const dnsLabel = (description: string) =>
  z
    .string()
    .min(1)
    .max(63)
    .regex(DNS_LABEL, 'must be lower case letters, digits and -, beginning and ending with a letter or digit')
    .describe(description);

/** The name of a Kubernetes object that may have dots. */
export const objectName = (description: string) =>
  z
    .string()
    .min(1)
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be a name: lower case letters, digits, - and .')
    .describe(description);

/** A Go duration within bounds, both included. */
export const duration = (description: string, { min = '1s', max = '8760h' }: { min?: string; max?: string } = {}) =>
  withRule(
    z
      .string()
      .max(32)
      .regex(DURATION_PATTERN, 'must be a duration such as 500ms, 30s, 5m or 168h')
      .describe(description),
    {
      rule: `duration(self) >= duration('${min}') && duration(self) <= duration('${max}')`,
      message: `must be at least ${min} and at most ${max}`,
      holds: (text) => {
        if (!DURATION_PATTERN.test(text)) return true;
        const seconds = durationSeconds(text);
        return seconds >= durationSeconds(min) && seconds <= durationSeconds(max);
      },
    },
  );

/** A Kubernetes quantity above 0. */
export const quantity = (description: string) =>
  withRule(
    z.string().max(32).regex(QUANTITY_PATTERN, 'must be a quantity such as 4Gi, 500M or 2').describe(description),
    {
      rule: "quantity(self).isGreaterThan(quantity('0'))",
      message: 'must be above 0',
      holds: (text) => !QUANTITY_PATTERN.test(text) || quantityValue(text) > 0,
    },
  );

/** The address of a service. ASCII only, and nothing that could carry credentials. */
export const serviceUrl = (description: string) =>
  z
    .string()
    .max(2048)
    .regex(
      /^https?:\/\/[A-Za-z0-9._:[\]-]+(\/[A-Za-z0-9._~%/-]*)?$/,
      'must be an http or https URL without credentials, query or fragment, such as https://api.example/v1',
    )
    .describe(description);

/** The name of a model, as its provider or its file has it. */
export const modelName = (description: string) =>
  z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/, 'must be the name of a model: letters, digits, and . _ : / -')
    .describe(description);

/** A field of a payload, by Qdrant's own path. */
export const payloadField = (description: string) =>
  z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z0-9_.[\]-]+$/, 'must be the path of a payload field, such as tenant or meta.lang')
    .describe(description);

/** Five fields of a crontab, in UTC. */
export const schedule = (description: string) =>
  z
    .string()
    .max(64)
    .regex(
      /^[0-9*/,-]+ [0-9*/,-]+ [0-9*/,-]+ [0-9*/,-]+ [0-9*/,-]+$/,
      'must be the five fields of a crontab, such as "0 3 * * 1"',
    )
    .describe(description);

export const sha256 = (description: string) =>
  z
    .string()
    .max(64)
    .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits')
    .describe(description);

/** How far two vectors are from each other, as Qdrant names it. */
export const distance = z.enum(['Cosine', 'Dot', 'Euclid', 'Manhattan']);
