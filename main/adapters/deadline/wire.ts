// What the Deadline Web Service sends, as far as we read it; unknown fields are ignored (Deadline 10.x).

import { z } from 'zod';

const text = z.string().nullish();
const count = z.number().nullish();
const names = z.array(z.string()).nullish();

export const Names = z.array(z.string());

export const JobDocument = z.looseObject({
  _id: z.string().min(1),
  Stat: z.number(),
  OutDir: names,
  Errs: count,
  CompletedChunks: count,
  FailedChunks: count,
  RenderingChunks: count,
  Props: z.looseObject({
    Name: text,
    User: text,
    Grp: text,
    Tasks: count,
    ExDic: z.record(z.string(), z.unknown()).nullish(),
  }),
});

export const JobDocuments = z.array(JobDocument);

/** The whole document, one reduced to `_id`, or the bare id: each was seen by some client. */
export const SubmitAnswer = z.union([
  z.string().regex(/^[0-9A-Za-z_-]{6,64}$/),
  z.looseObject({ _id: z.string().min(1) }).transform((job) => job._id),
]);

export const TaskList = z.looseObject({
  Tasks: z.array(
    z.looseObject({ TaskID: z.number(), Frames: text, Slave: text, Stat: z.number() }),
  ),
});

const WorkerInfo = z.looseObject({
  Name: z.string(),
  Stat: count,
  Grps: z.union([z.string(), z.array(z.string())]).nullish(),
  AWSInfo: z.looseObject({ AWSRegion: text }).nullish(),
});

/** `Data=info` gives the inner object, `infosettings` wraps it. */
export const Workers = z.array(
  z.union([WorkerInfo, z.looseObject({ Info: WorkerInfo }).transform((worker) => worker.Info)]),
);

export const Reports = z.array(z.looseObject({ _id: z.string(), Date: text, Title: text }));

/** Report contents come as text, or wrapped in an array. */
export const ReportText = z.union([
  z.string(),
  z.array(z.string()).transform((parts) => parts.join('\n')),
]);
