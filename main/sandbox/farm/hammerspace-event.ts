// The public Hammerspace event plug-in as the farm's Web Service runs it (reference §6.2), with the defects read in its code.

import { z } from 'zod';
import { textOf } from './document-text.ts';
import type { JobRecord, Repository } from './repository.ts';

/** The settings of its .param file, with their ranges and defaults. */
export const HammerspaceSettings = z.strictObject({
  pool: z.string().default(''),
  group: z.string().default(''),
  limit: z.string().default(''),
  priorityOffset: z.number().int().min(-100).max(100).default(0),
  iterationDelay: z.number().int().min(0).max(100).default(1),
  iterationCount: z.number().int().min(0).max(500).default(20),
});
export type HammerspaceSettings = z.infer<typeof HammerspaceSettings>;

/** Marks the folder job, and every other job the plug-in is to leave alone. */
const GENERATED = 'HS_PLUGIN_GENERATED';
const ON_COMPLETE = ['Archive', 'Delete', 'Nothing'];
const MAX_PRIORITY = 100;

/** What it does on submission; gives the folder job it made, or null where it leaves the job alone. */
export function makeDirectoriesFirst(
  repository: Repository,
  settings: HammerspaceSettings,
  record: JobRecord,
): JobRecord | null {
  const { job } = record;
  const extra = job.Props['ExDic'] as Readonly<Record<string, unknown>>;
  if (truthOf(textOf(extra[GENERATED] ?? 'False'))) return null;
  const dirs = [...new Set(job.OutDir)];
  if (dirs.length === 0) return null;
  const name = textOf(job.Props['Name']);
  const folders = repository.submit({
    info: {
      Plugin: 'DeadlineCommand',
      Name: `${name} [Make Directories]`,
      BatchName: textOf(job.Props['Batch']) || name,
      Department: textOf(job.Props['Dept']),
      UserName: textOf(job.Props['User']),
      MachineName: textOf(job['Mach']),
      Pool: settings.pool || textOf(job.Props['Pool']),
      Group: settings.group || textOf(job.Props['Grp']),
      // The real one reads `job.Priority` here, which probably does not exist (defect 3, inferred); not repeated.
      Priority: Math.max(
        0,
        Math.min(MAX_PRIORITY, Number(job.Props['Pri']) + settings.priorityOffset),
      ),
      OnJobComplete: ON_COMPLETE[Number(job.Props['OnComp'])] ?? 'Nothing',
      LimitGroups: settings.limit || textOf(job.Props['Limits']),
      Comment: 'Hammerspace job to create output directories before render',
      ExtraInfoKeyValue0: `${GENERATED}=True`,
    },
    plugin: {
      Arguments: `--directories "${dirs.join(';')}" --iteration_delay ${settings.iterationDelay} --iteration_count ${settings.iterationCount}`,
    },
    aux: [],
  });
  // Their work is done by the worker itself; the names are what a client sees.
  folders.job.Aux.push('createFolders.py', 'HammerspaceUtils.py');
  repository.admit(folders);
  if (textOf(job.Props['Batch']) === '') repository.setProps(record, { Batch: name });
  // Defect 1: dependencies the job came with are replaced. Defect 6: a job that was submitted
  // suspended is pended like any other, and released to active when the folder job is complete.
  repository.setProps(record, { Dep: [dependencyOn(folders.job._id)] });
  repository.move(record, 'pend');
  return folders;
}

/** Python's strtobool: anything else is an exception, which ends the plug-in and leaves the job as it is. */
function truthOf(text: string): boolean {
  if (/^(y|yes|t|true|on|1)$/i.test(text)) return true;
  if (/^(n|no|f|false|off|0)$/i.test(text)) return false;
  throw new Error(`ValueError: invalid truth value '${text.toLowerCase().slice(0, 100)}'`);
}

function dependencyOn(id: string): Record<string, unknown> {
  return {
    JobID: id,
    Notes: '',
    IgnoreFrameOffsets: false,
    OverrideFrameOffsets: false,
    StartOffset: 0,
    EndOffset: 0,
    OverrideResumeOn: false,
    ResumeOnComplete: true,
    ResumeOnDeleted: false,
    ResumeOnFailed: false,
    ResumeOnPercentageCompleted: false,
    ResumeOnPercentageValue: -1.0,
  };
}
