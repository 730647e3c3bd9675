// What the Anvil's REST service sends, as far as we read it; unknown fields are ignored (release 5.3 spec).

import { z } from 'zod';

export const SiteView = z.looseObject({
  name: z.string(),
  type: z.string().nullish(),
  swVersion: z.string().nullish(),
});

export const SiteViews = z.array(SiteView);

export const ShareView = z.looseObject({
  name: z.string(),
  path: z.string(),
  space: z.looseObject({ total: z.number().nullish(), available: z.number().nullish() }).nullish(),
});

const AppliedObjective = z.looseObject({
  objective: z.looseObject({ name: z.string() }),
  applicability: z.string().nullish(),
});

export const ObjectiveList = z.looseObject({
  appliedObjectives: z.array(AppliedObjective).nullish(),
  appliedLocalObjectives: z.array(AppliedObjective).nullish(),
});

const ErrorView = z.looseObject({
  errorCode: z.string().nullish(),
  message: z.string().nullish(),
});

/** One client sees an array of ErrorViews, another an object with `errors` or `message`: all are read. */
export const ErrorBody = z.union([
  z.array(ErrorView),
  z.looseObject({ errors: z.array(ErrorView) }).transform((body) => body.errors),
  ErrorView.transform((view) => [view]),
]);
